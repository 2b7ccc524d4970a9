"""Radios of a house: one air that all share, sticks that listen and send, and the devices around them."""
