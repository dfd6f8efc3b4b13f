"""Adapters to the banks that pay creators. ``base`` says what they all promise."""
