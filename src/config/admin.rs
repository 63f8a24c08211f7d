//! `[admin]` and `[admin.tls]`: the pages, the metrics and the probes.

use super::secrets::{PASSWORD, TOKEN, secret};
use super::section::Section;
use super::value::StringList;
use super::webhook::{networks, tls};
use crate::secret::Secret;
use crate::source::webhook::TlsFiles;
use ipnet::IpNet;
use std::net::{Ipv4Addr, SocketAddr};

/// Shorter secrets can be guessed, although failed logins are delayed.
const SECRET_CHARS_MIN: usize = 8;

/// The settings of the admin listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// The listen address.
    pub listen: SocketAddr,
    /// The host names under which pages are served, beside `localhost` and addresses.
    pub hosts: Vec<String>,
    /// The login of browsers and programs.
    pub login: AdminLogin,
    /// How the pages travel.
    pub transport: AdminTransport,
}

/// The secrets that show the pages. Without both, the pages are open, which only a loopback address may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdminLogin {
    /// For browsers.
    pub password: Option<Secret>,
    /// For programs such as Prometheus.
    pub token: Option<Secret>,
}

/// How the pages travel between the listener and its clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminTransport {
    /// Plain HTTP that does not leave this machine.
    Loopback,
    /// HTTPS with this certificate.
    Tls(TlsFiles),
    /// A proxy in these networks speaks HTTPS with the clients; only it is served.
    BehindProxy(Vec<IpNet>),
    /// Plain HTTP to these networks, which must be trusted: the login can be read on the way.
    PlainHttp(Vec<IpNet>),
}

impl AdminTransport {
    /// The scheme of the pages' addresses at the listener itself.
    pub fn scheme(&self) -> &'static str {
        if matches!(self, Self::Tls(_)) { "https" } else { "http" }
    }
}

pub(super) fn admin(section: &mut Section<'_>) -> Admin {
    let listen = section.get_or("listen", SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)));
    let StringList(hosts) = section.get_or("hosts", StringList(Vec::new()));
    if let Some(wrong) = hosts.iter().find(|host| !is_host_name(host)) {
        section.fault("hosts", format!("'{wrong}' is not a host name without a port, like \"meterline.example.org\""));
    }
    let faults_before = section.fault_count();
    let login = AdminLogin { password: secret(section, PASSWORD), token: secret(section, TOKEN) };
    for (key, secret) in [(PASSWORD.file, &login.password), (TOKEN.file, &login.token)] {
        if secret.as_ref().is_some_and(|secret| secret.expose().chars().count() < SECRET_CHARS_MIN) {
            section.fault(key, format!("the secret is too short; it needs at least {SECRET_CHARS_MIN} characters"));
        }
    }
    let transport = transport(section);
    let is_complete = section.fault_count() == faults_before;
    if is_complete {
        check_reach(section, listen, &login, &transport);
    }
    Admin { listen, hosts, login, transport }
}

fn transport(section: &mut Section<'_>) -> AdminTransport {
    let proxies = networks(section, "behind_proxy");
    let plain = networks(section, "plain_http_networks");
    let files = tls(section.section("tls"));
    let chosen = usize::from(files.is_some()) + usize::from(!proxies.is_empty()) + usize::from(!plain.is_empty());
    if chosen > 1 {
        section.fault("", "[admin.tls], behind_proxy and plain_http_networks exclude each other; keep one of them");
    }
    match files {
        Some(files) => AdminTransport::Tls(files),
        None if !proxies.is_empty() => AdminTransport::BehindProxy(proxies),
        None if !plain.is_empty() => AdminTransport::PlainHttp(plain),
        None => AdminTransport::Loopback,
    }
}

/// Clients beyond loopback, also clients of a proxy on it, need a login, on a way on which no other reads along.
fn check_reach(section: &Section<'_>, listen: SocketAddr, login: &AdminLogin, transport: &AdminTransport) {
    let has_login = login.password.is_some() || login.token.is_some();
    if listen.ip().is_loopback() {
        if !has_login && matches!(transport, AdminTransport::BehindProxy(_)) {
            let wrong = "a proxy brings clients of other machines, so the pages need a login: set password_file \
                         (browsers), token_file (programs), or both";
            section.fault("behind_proxy", wrong);
        }
        return;
    }
    if !has_login {
        section.fault(
            "listen",
            format!(
                "{listen} is not a loopback address, so the pages need a login: set password_file (browsers), \
                 token_file (programs), or both; or listen on 127.0.0.1"
            ),
        );
    }
    if *transport == AdminTransport::Loopback {
        section.fault(
            "listen",
            format!(
                "{listen} is not a loopback address, so the login must be protected on its way: add [admin.tls] with \
                 a certificate and a key; or name the networks of a TLS proxy in behind_proxy; or name the networks \
                 that may use plain HTTP in plain_http_networks; or listen on 127.0.0.1"
            ),
        );
    }
}

fn is_host_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::AdminTransport;
    use crate::config::{Config, Faults, parse};
    use std::collections::BTreeMap;

    const SECRET: &str = "hunter22";

    fn admin(lines: &str) -> Result<Config, Faults> {
        let environment = [("SECRET", SECRET), ("SHORT", "hunter2")];
        let environment: BTreeMap<_, _> = environment.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        parse("m.toml", &format!("[admin]\n{lines}\n"), &environment)
    }

    #[test]
    fn beyond_loopback_a_login_and_a_protected_way_are_needed() {
        const TLS: &str = "[admin.tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"";
        for listen in ["0.0.0.0:8081", "[::]:8081", "192.168.1.2:8081"] {
            let with = |lines: &str| admin(&format!("listen = \"{listen}\"\n{lines}"));
            let found = with("").unwrap_err().to_string();
            for says in ["password_file", "token_file", "[admin.tls]", "behind_proxy", "plain_http_networks"] {
                assert!(found.contains(says), "{says}: {found}");
            }
            let found = with("password_env = \"SECRET\"").unwrap_err().to_string();
            assert!(found.contains("[admin.tls]") && !found.contains("password_file"), "{found}");
            let found = with(TLS).unwrap_err().to_string();
            assert!(found.contains("password_file") && !found.contains("plain_http_networks"), "{found}");
            for secret in ["password_env = \"SECRET\"", "token_env = \"SECRET\""] {
                for way in ["behind_proxy = [\"10.0.0.1\"]", "plain_http_networks = [\"10.0.0.0/8\"]", TLS] {
                    assert!(with(&format!("{secret}\n{way}")).is_ok(), "{secret} {way}");
                }
            }
        }
        for listen in ["127.0.0.1:8081", "127.9.9.9:8081", "[::1]:8081"] {
            let config = admin(&format!("listen = \"{listen}\"")).unwrap().admin;
            assert_eq!((config.transport, config.login.password), (AdminTransport::Loopback, None));
            let proxy = format!("listen = \"{listen}\"\nbehind_proxy = [\"127.0.0.1\"]");
            let found = admin(&proxy).unwrap_err().to_string();
            assert!(found.contains("admin.behind_proxy") && found.contains("password_file"), "{found}");
            assert!(admin(&format!("{proxy}\npassword_env = \"SECRET\"")).is_ok());
        }
    }

    #[test]
    fn one_way_is_chosen_and_secrets_are_long_and_never_shown() {
        let two = "password_env = \"SECRET\"\nbehind_proxy = [\"10.0.0.1\"]\nplain_http_networks = [\"10.0.0.0/8\"]";
        assert!(admin(two).unwrap_err().to_string().contains("exclude each other"));
        let short = admin("password_env = \"SHORT\"").unwrap_err().to_string();
        assert!(short.contains("at least 8 characters") && !short.contains("hunter2"), "{short}");
        let wrong = admin("plain_http_networks = [\"everywhere\"]").unwrap_err().to_string();
        assert!(wrong.contains("admin.plain_http_networks: 'everywhere' is not a network"), "{wrong}");
        let config = admin("password_env = \"SECRET\"\ntoken_env = \"SECRET\"").unwrap();
        assert!(!format!("{:?}", config.admin).contains(SECRET));
    }

    #[test]
    fn hosts_are_names_without_a_port() {
        let config = admin("hosts = [\"meterline.example.org\", \"meterline\"]").unwrap();
        assert_eq!(config.admin.hosts, ["meterline.example.org", "meterline"]);
        for wrong in ["a:80", "http://a", "", "*"] {
            let found = admin(&format!("hosts = [\"{wrong}\"]")).unwrap_err().to_string();
            assert!(found.contains("is not a host name"), "{found}");
        }
    }
}
