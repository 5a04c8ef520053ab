// An exact echo on Node: pipe() stops reading while the peer does not read, and finishes only after
// everything is written. Datagrams, too.
//
//	node node.js tcp:PORT|unix:PATH|udp:PORT
"use strict";

const colon = (process.argv[2] || "").indexOf(":");
const network = process.argv[2].slice(0, colon);
const place = process.argv[2].slice(colon + 1);

if (network === "udp") {
  const socket = require("dgram").createSocket("udp4");
  socket.on("message", (message, peer) => socket.send(message, peer.port, peer.address));
  socket.bind(Number(place), "127.0.0.1");
} else {
  const server = require("net").createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  const where = network === "unix" ? { path: place } : { port: Number(place), host: "127.0.0.1" };
  server.listen({ ...where, backlog: 4096 });
}
