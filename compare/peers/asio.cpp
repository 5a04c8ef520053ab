/*
 * An exact echo on asio, written as its own manual suggests: one object a connection that keeps itself
 * alive, async_read_some, then async_write (which resumes short sends), so reading stops while sending.
 * At the end of the peer's stream nothing is unsent, and the socket closes. One thread; datagrams,
 * too: the answer is sent at once when the kernel takes it.
 *
 *	peer-asio tcp:PORT|unix:PATH|udp:PORT
 */
#include <array>
#include <asio.hpp>
#include <cstdlib>
#include <memory>
#include <string>

template <typename Socket> class Session : public std::enable_shared_from_this<Session<Socket>>
{
      public:
	explicit Session(Socket socket) : socket_(std::move(socket)) {}

	void receive()
	{
		auto self = this->shared_from_this();

		socket_.async_read_some(asio::buffer(data_),
			[this, self](std::error_code error, std::size_t length) {
				if (!error)
					send(length);
			});
	}

      private:
	void send(std::size_t length)
	{
		auto self = this->shared_from_this();

		asio::async_write(socket_, asio::buffer(data_, length),
			[this, self](std::error_code error, std::size_t) {
				if (!error)
					receive();
			});
	}

	Socket socket_;
	std::array<char, 16384> data_;
};

template <typename Acceptor> void accept_next(Acceptor &acceptor)
{
	acceptor.async_accept([&acceptor](std::error_code error, auto socket) {
		if (!error)
			std::make_shared<Session<decltype(socket)>>(std::move(socket))->receive();
		accept_next(acceptor);
	});
}

static void receive_datagram(asio::ip::udp::socket &socket)
{
	static std::array<char, 65536> data;
	static asio::ip::udp::endpoint peer;

	socket.async_receive_from(
		asio::buffer(data), peer, [&socket](std::error_code error, std::size_t length) {
			std::error_code ignored;

			if (!error)
				socket.send_to(asio::buffer(data, length), peer, 0, ignored);
			receive_datagram(socket);
		});
}

int main(int argc, char **argv)
{
	const std::string address = argc == 2 ? argv[1] : "";
	const auto loopback = asio::ip::address_v4::loopback();
	asio::io_context context(1); /* a hint: one thread, no locks */

	if (address.rfind("unix:", 0) == 0) {
		asio::local::stream_protocol::acceptor acceptor(context, address.substr(5));
		accept_next(acceptor);
		context.run();
	} else if (address.rfind("udp:", 0) == 0) {
		auto port = static_cast<unsigned short>(std::atoi(address.c_str() + 4));
		asio::ip::udp::socket socket(context, { loopback, port });
		receive_datagram(socket);
		context.run();
	} else if (address.rfind("tcp:", 0) == 0) {
		auto port = static_cast<unsigned short>(std::atoi(address.c_str() + 4));
		asio::ip::tcp::acceptor acceptor(context, { loopback, port });
		acceptor.set_option(asio::ip::tcp::no_delay(true)); /* inherited on Linux */
		acceptor.listen(4096);
		accept_next(acceptor);
		context.run();
	}
	return 2;
}
