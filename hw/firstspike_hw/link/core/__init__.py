"""What the link is joined to: an engine or a processor, behind a decoder of images."""
