//! An exact echo on tokio: a task a connection, read, write_all (which resumes short sends), with a
//! buffer of its own, on the runtime of one thread. Built from Debian's packaged sources, offline.
//!
//!     peer-tokio tcp:PORT|unix:PATH|udp:PORT
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, UdpSocket, UnixListener};

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let mut buffer = vec![0u8; 16 * 1024];
    while let Ok(length) = stream.read(&mut buffer).await {
        if length == 0 || stream.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

async fn listen(network: &str, place: &str) -> std::io::Result<()> {
    if network == "unix" {
        let listener = UnixListener::bind(place)?;
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        }
    }
    let address: std::net::SocketAddr = format!("127.0.0.1:{}", place).parse().unwrap();
    if network == "udp" {
        let socket = UdpSocket::bind(address).await?;
        let mut buffer = vec![0u8; 65536];
        loop {
            if let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let _ = socket.send_to(&buffer[..length], peer).await;
            }
        }
    }
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(4096)?;
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(serve(stream));
        }
    }
}

fn main() -> std::io::Result<()> {
    let argument = std::env::args().nth(1).unwrap_or_default();
    let (network, place) = argument.split_once(':').unwrap_or(("", ""));
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?
        .block_on(listen(network, place))
}
