// An exact echo in Go's usual form: a goroutine a connection, Read, Write (which resumes short
// sends), with a buffer of its own. With "copy" each connection is one io.Copy, which splices
// through a pipe: it costs small messages dearly, and is the best that Go has for bulk.
//
//	peer-go tcp:PORT|unix:PATH|udp:PORT [copy]
package main

import (
	"io"
	"net"
	"os"
	"strings"
)

func serve(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 16*1024)
	for {
		length, err := connection.Read(buffer)
		if length > 0 {
			if _, failed := connection.Write(buffer[:length]); failed != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func serveByCopy(connection net.Conn) {
	defer connection.Close()
	io.Copy(connection, connection)
}

func serveDatagrams(socket *net.UDPConn) {
	buffer := make([]byte, 65536)
	for {
		length, peer, err := socket.ReadFromUDPAddrPort(buffer)
		if err == nil {
			socket.WriteToUDPAddrPort(buffer[:length], peer)
		}
	}
}

func main() {
	copies := len(os.Args) == 3 && os.Args[2] == "copy"
	if len(os.Args) != 2 && !copies {
		os.Exit(2)
	}
	network, place, _ := strings.Cut(os.Args[1], ":")
	if network == "udp" {
		address, err := net.ResolveUDPAddr("udp4", "127.0.0.1:"+place)
		if err != nil {
			os.Exit(2)
		}
		socket, err := net.ListenUDP("udp4", address)
		if err != nil {
			os.Exit(2)
		}
		serveDatagrams(socket)
	}
	if network == "tcp" {
		place = "127.0.0.1:" + place
	}
	listener, err := net.Listen(network, place)
	if err != nil {
		os.Exit(2)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			continue
		}
		if copies {
			go serveByCopy(connection)
		} else {
			go serve(connection)
		}
	}
}
