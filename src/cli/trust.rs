//! The flags of the commands that ask a running gateway: TLS, and who they are.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Address, Config};
use crate::load::{Remote, Secured};
use crate::store::Secret;
use crate::tls::Client;

use super::Failure;

/// Where an API key comes from: never the command line, which every user of the machine can read.
const KEY_VARIABLE: &str = "UNSKEW_API_KEY";

/// How to connect to a gateway.
#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// Connects by TLS; so it is too if the configuration has a certificate, or with --ca.
    #[arg(long)]
    tls: bool,
    /// PEM file of the authorities to trust instead of those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The name in the gateway's certificate, where it is not the host of the address.
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// PEM file of the certificate to show to a gateway that asks for one.
    #[arg(long, value_name = "FILE", requires = "certificate_key")]
    certificate: Option<PathBuf>,
    /// PEM file of the private key of that certificate.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    certificate_key: Option<PathBuf>,
}

impl Trust {
    /// How to connect by TLS to a gateway of this configuration; none: as plain text.
    pub(crate) fn secured(self, config: &Config) -> Option<Secured> {
        let tls =
            self.tls || self.ca.is_some() || self.certificate.is_some() || config.server.tls.certificate_file.is_some();
        let client = Client { ca: self.ca, identity: self.certificate.zip(self.certificate_key) };
        let server_name = self.server_name.unwrap_or_else(|| config.server.address.reachable().host().to_owned());
        tls.then_some(Secured { client, server_name })
    }

    /// The gateway of this configuration, with the API key of the environment.
    pub(crate) fn remote(self, config: &Config, allow_insecure: bool) -> Result<Remote, Failure> {
        let address = reachable(&config.server.address)?;
        let secured = self.secured(config);
        let key = std::env::var(KEY_VARIABLE).ok().filter(|key| !key.is_empty());
        if key.is_some() && secured.is_none() && !address.is_loopback() && !allow_insecure {
            let message = format!(
                "the API key of {KEY_VARIABLE} would go to {address} as plain text: say --tls or --ca FILE, or --allow-insecure if the \
                 network is trusted"
            );
            return Err(Failure::usage(message));
        }
        Ok(Remote { address: address.to_string(), secured, key: key.map(Secret::new) })
    }
}

/// Where the gateway of this configuration is reached from its own machine.
fn reachable(address: &Address) -> Result<Address, Failure> {
    if address.port() == 0 {
        let message = "server.address has port 0, which only the gateway can resolve: say --address HOST:PORT";
        return Err(Failure::usage(message));
    }
    Ok(address.reachable())
}
