#!/usr/bin/env bash
# graphql-ws-client 0.13.0 (Rust): how many pings must stay unanswered, and how the stream ends.
#
# Guess: `keep_alive_retries` is how many pings may go unanswered, as its documentation says: with 3,
# a dead connection is given up after the third or fourth. The stream yields an error then, or ends
# otherwise than one that the server completed.
# Seen: the client sends two pings more than the number says, and waits an interval before the first
# and after the last: with the default of 3 it gives up after six intervals, with 0 after three.
# The stream ends with None, exactly as after `complete`, and so it does when the connection is lost.
# Meets us: docs/clients.md says which interval notices a dead connection as soon as the others do.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "example"
version = "0.1.0"
edition = "2021"
[dependencies]
graphql-ws-client = { version = "=0.13.0", features = ["tungstenite-0.28"] }
futures = "=0.3.31"
serde = "1"
serde_json = "1"
tokio = { version = "1", features = ["macros", "net", "rt", "time"] }
tokio-tungstenite = "=0.28.0"
TOML
cat >src/main.rs <<'RUST'
use futures::{SinkExt, StreamExt};
use graphql_ws_client::{graphql::GraphqlOperation, Client};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::{client::IntoClientRequest, handshake::server, http::HeaderValue, Message};

#[derive(serde::Serialize)]
struct Told { query: &'static str }

impl GraphqlOperation for Told {
    type Response = serde_json::Value;
    type Error = std::convert::Infallible;
    fn decode(&self, data: serde_json::Value) -> Result<Self::Response, Self::Error> { Ok(data) }
}

const PROTOCOL: (&str, HeaderValue) = ("sec-websocket-protocol", HeaderValue::from_static("graphql-transport-ws"));

/// Acknowledges, sends one event and what `last` is; then it only counts pings until the close.
async fn serve(listener: &TcpListener, last: Option<&str>) -> usize {
    let (socket, _) = listener.accept().await.unwrap();
    #[allow(clippy::result_large_err)]
    let name = |_: &server::Request, mut answer: server::Response| {
        answer.headers_mut().insert(PROTOCOL.0, PROTOCOL.1);
        Ok(answer)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(socket, name).await.unwrap();
    let mut pings = 0;
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) if text.contains("connection_init") => {
                socket.send(Message::text(r#"{"type":"connection_ack"}"#)).await.unwrap();
            }
            Message::Text(text) if text.contains("subscribe") => {
                socket.send(Message::text(r#"{"type":"next","id":"1","payload":{"data":{"told":1}}}"#)).await.unwrap();
                match last {
                    Some("lost") => return pings,
                    Some(text) => socket.send(Message::text(text)).await.unwrap(),
                    None => {}
                }
            }
            Message::Text(text) if text.contains("ping") => pings += 1,
            _ => {}
        }
    }
    pings
}

async fn follow(url: &str, retries: Option<usize>) -> &'static str {
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert(PROTOCOL.0, PROTOCOL.1);
    let (socket, _) = tokio_tungstenite::client_async(request, TcpStream::connect(&url[5..]).await.unwrap()).await.unwrap();
    let mut building = Client::build(socket).keep_alive_interval(Duration::from_millis(200));
    if let Some(count) = retries { building = building.keep_alive_retries(count); }
    let mut stream = building.subscribe(Told { query: "subscription { told }" }).await.unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    match stream.next().await { None => "None", Some(Ok(_)) => "an item", Some(Err(_)) => "an error" }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let complete = r#"{"type":"complete","id":"1"}"#;
    for (case, retries, last) in [
        ("silent, 3 retries by default", None, None),
        ("silent, 0 retries", Some(0), None),
        ("complete", Some(0), Some(complete)),
        ("connection lost", Some(0), Some("lost")),
    ] {
        let (pings, got) = tokio::join!(serve(&listener, last), follow(&url, retries));
        println!("{case}: {pings} pings, then {got}");
    }
}
RUST
timeout 400 cargo run --quiet 2>log | tee seen || { cat log; exit 1; }
diff seen - <<'SEEN'
silent, 3 retries by default: 5 pings, then None
silent, 0 retries: 2 pings, then None
complete: 0 pings, then None
connection lost: 0 pings, then None
SEEN
echo "as described"
