"""Small parts that any design can use: streams, delays, trees."""
