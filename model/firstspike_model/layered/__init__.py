"""Training of layered networks by recipes, on the modules of `firstspike_model.nn`."""
