"""The gift catalogue, live rooms, videos and sending."""
