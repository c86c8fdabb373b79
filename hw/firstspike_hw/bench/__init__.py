"""How fast and how large bare engines are: cycles by replay, clock and size by place-and-route with several seeds."""
