"""Facts about the world: the reference tables, the aircraft registers and the watch list made of them."""
