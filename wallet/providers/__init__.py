"""Adapters to payment companies. Each speaks to one; ``base`` says what they all promise."""
