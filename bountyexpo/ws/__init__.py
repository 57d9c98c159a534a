"""The socket side of the edge: acceptor, poller, frames, serializers, sessions."""
