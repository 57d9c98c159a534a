// Node's `ws`: what begins with "b" goes to everybody, anything else goes back.
'use strict';
const { WebSocketServer, WebSocket } = require('ws');

const port = Number(process.env.PORT);
const server = new WebSocketServer({ port, host: '127.0.0.1', perMessageDeflate: false, backlog: 4096 });
server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (data) => {
    if (data[0] !== 0x62) {
      socket.send(data, { binary: false });
      return;
    }
    for (const client of server.clients) {
      if (client.readyState === WebSocket.OPEN) client.send(data, { binary: false });
    }
  });
});
