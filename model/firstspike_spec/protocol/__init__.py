"""What host and board say to each other."""
