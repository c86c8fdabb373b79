"""What the lanes of a processor share: spike memories, dispatcher, sequencers, and the way of the spikes that fire."""
