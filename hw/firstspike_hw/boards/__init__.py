"""The boards: their pins, clocks and sizes. The only place of the gateware that knows them."""
