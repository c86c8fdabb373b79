"""What a network is: the encoder, its layers and their maps, and the file that holds one."""
