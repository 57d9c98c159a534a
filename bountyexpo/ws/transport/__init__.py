"""WebSocket connections: handshake, frames, queues, and the pollers that drive them."""
