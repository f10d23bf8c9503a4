//! Jupyter's protocol: sockets, requests and their answers, and what cells show.

pub mod blocks;
mod connection;
pub mod output;
pub mod publish;
pub mod server;
