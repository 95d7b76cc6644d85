#!/usr/bin/env bash
# graphql_client 0.14.0 and cynic 3.14.0 (Rust): a server that adds a type or an enum value.
#
# Guess: both refuse both, or both read both.
# Seen: they are each other's opposite. graphql_client reads a new enum value as `Other` and refuses
# a new implementation, also where no fragment asks for a type (it insists on `__typename`); its
# option fragments_other_variant needs a value, "true", and without one is taken for "false"
# silently. cynic reads a new implementation where no fragment asks for a type, and refuses a new
# enum value, until the enum has a variant marked `#[cynic(fallback)]`.
# Meets us: our interfaces and enums grow. docs/clients.md says what each client needs.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
mkdir src
cat >schema.graphql <<'GRAPHQL'
type Query { session: Session }
interface Session { id: ID! title: String! status: Status! }
type Circle implements Session { id: ID! title: String! status: Status! }
enum Status { READY ONGOING }
GRAPHQL
cat >boards.graphql <<'GRAPHQL'
query Strict { session { __typename title status } }
query Marked { session { __typename title status } }
query Bare { session { __typename title status } }
GRAPHQL
cat >Cargo.toml <<'TOML'
[package]
name = "example"
version = "0.1.0"
edition = "2021"
[dependencies]
graphql_client = "=0.14.0"
cynic = "=3.14.0"
serde = { version = "1", features = ["derive"] }
serde_json = "1"
[build-dependencies]
cynic-codegen = "=3.14.0"
TOML
echo 'fn main() { cynic_codegen::register_schema("ours").from_sdl_file("schema.graphql").unwrap(); }' >build.rs
cat >src/main.rs <<'RUST'
#![allow(dead_code, unused)]
use graphql_client::GraphQLQuery;

#[derive(GraphQLQuery)]
#[graphql(schema_path = "schema.graphql", query_path = "boards.graphql", response_derives = "Debug")]
pub struct Strict;
#[derive(GraphQLQuery)]
#[graphql(schema_path = "schema.graphql", query_path = "boards.graphql", response_derives = "Debug", fragments_other_variant)]
pub struct Bare;
#[derive(GraphQLQuery)]
#[graphql(schema_path = "schema.graphql", query_path = "boards.graphql", response_derives = "Debug", fragments_other_variant = "true")]
pub struct Marked;

mod with_cynic {
    #[cynic::schema("ours")]
    pub mod schema {}

    #[derive(cynic::QueryFragment, Debug)]
    #[cynic(graphql_type = "Query", schema = "ours")]
    pub struct Board { pub session: Option<Session> }
    #[derive(cynic::QueryFragment, Debug)]
    #[cynic(schema = "ours")]
    pub struct Session { pub title: String, pub status: Status }
    #[derive(cynic::Enum, Debug, Clone, Copy)]
    #[cynic(schema = "ours")]
    pub enum Status { Ready, Ongoing }
}

fn said<T>(result: Result<T, serde_json::Error>) -> String {
    match result { Ok(_) => "read".into(), Err(error) => error.to_string().split(", expected").next().unwrap().into() }
}

fn main() {
    for (kind, status) in [("Circle", "READY"), ("Webinar", "READY"), ("Circle", "HELD")] {
        let answer = format!(r#"{{"session": {{"__typename": "{kind}", "title": "Tajwid", "status": "{status}"}}}}"#);
        println!("{kind} {status}");
        println!("  graphql_client: {}", said(serde_json::from_str::<strict::ResponseData>(&answer)));
        println!("  bare option: {}", said(serde_json::from_str::<bare::ResponseData>(&answer)));
        println!("  option \"true\": {}", said(serde_json::from_str::<marked::ResponseData>(&answer)));
        println!("  cynic: {}", said(serde_json::from_str::<with_cynic::Board>(&answer)));
    }
}
RUST
cargo run --quiet 2>log | tee seen || { cat log; exit 1; }
diff seen - <<'SEEN'
Circle READY
  graphql_client: read
  bare option: read
  option "true": read
  cynic: read
Webinar READY
  graphql_client: unknown variant `Webinar`
  bare option: unknown variant `Webinar`
  option "true": read
  cynic: read
Circle HELD
  graphql_client: read
  bare option: read
  option "true": read
  cynic: unknown variant `HELD`
SEEN
echo "as described"
