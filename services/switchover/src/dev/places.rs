//! Where everything listens: on the usual ports, on others if told so, never on one that is taken.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use clap::Args;
use runtime::Error;

macro_rules! ports {
    ($($(#[$docs:meta])* $name:ident $flag:literal = $default:literal;)+) => {
        /// On which ports everything listens.
        #[derive(Debug, Clone, Args)]
        #[command(next_help_heading = "Ports")]
        pub struct Ports {
            $(
                $(#[$docs])*
                #[arg(long = $flag, default_value_t = $default, value_name = "PORT")]
                pub $name: u16,
            )+
            /// Takes ports that are free instead of the usual ones
            #[arg(long)]
            pub free_ports: bool,
        }

        /// Where everything listens.
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct Places {
            $($(#[$docs])* pub(crate) $name: SocketAddr,)+
        }

        impl Places {
            /// Finds a place for everything. Fails with the port that is taken and the flag that
            /// chooses another.
            pub(crate) fn choose(ports: &Ports) -> Result<Self, Error> {
                // All are held until all are found, so that no two are the same.
                let mut held = Vec::new();
                Ok(Self {
                    $($name: place(concat!("--", $flag), ports.$name, $default, ports.free_ports, &mut held)?,)+
                })
            }

            /// Tells whether all are the usual ones, so that no client needs to be told.
            pub(crate) fn usual(&self) -> bool {
                $(self.$name.port() == $default)&&+
            }
        }
    };
}

ports! {
    /// The catalog's port
    catalog "catalog-port" = 7101;
    /// Provisioning's port
    provisioning "provisioning-port" = 7102;
    /// Notification's port
    notification "notification-port" = 7103;
    /// The port of the gateway's control
    control "control-port" = 7104;
    /// The port under which applications are reached
    apps "apps-port" = 8080;
    /// The port of the console, and of the pages behind links in mails
    edge "edge-port" = 8081;
    /// The port of the demonstration's version 1.0, the first time
    first "v1-port" = 7111;
    /// The port of the demonstration's version 2.0, the first time
    second "v2-port" = 7112;
}

fn place(
    flag: &str,
    port: u16,
    usual: u16,
    free: bool,
    held: &mut Vec<TcpListener>,
) -> Result<SocketAddr, Error> {
    let wanted = if free && port == usual { 0 } else { port };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, wanted));
    let listener = TcpListener::bind(address).map_err(|error| {
        let why = format!("{error}; {flag} chooses another, --free-ports any that are free");
        Error::unavailable(format!("port {wanted}"), why)
    })?;
    let address = listener.local_addr().map_err(Error::internal)?;
    held.push(listener);
    Ok(address)
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        ports: Ports,
    }

    pub(crate) fn usual() -> Places {
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Places {
            catalog: at(7101),
            provisioning: at(7102),
            notification: at(7103),
            control: at(7104),
            apps: at(8080),
            edge: at(8081),
            first: at(7111),
            second: at(7112),
        }
    }

    #[test]
    fn free_ports_are_all_different_and_a_port_that_was_asked_for_is_kept() {
        let mut held = Vec::new();
        let wanted = place("--x", 0, 1, false, &mut held).unwrap().port();
        drop(held);
        let wanted = wanted.to_string();
        let line = ["x", "--free-ports", "--edge-port", &wanted];
        let places = Places::choose(&Line::try_parse_from(line).unwrap().ports).unwrap();
        assert_eq!(places.edge.port().to_string(), wanted);
        assert_ne!(places.catalog, places.provisioning);
        assert!(!places.usual());
        assert!(usual().usual());
    }

    #[test]
    fn a_port_that_is_taken_is_named_with_the_flag_that_chooses_another() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        let line = ["x", "--free-ports", "--apps-port", &port];
        let error = Places::choose(&Line::try_parse_from(line).unwrap().ports).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("port {port} ")), "{text}");
        assert!(text.contains("--apps-port"), "{text}");
        assert_eq!(error.exit_code(), runtime::exit::UNAVAILABLE);
    }
}
