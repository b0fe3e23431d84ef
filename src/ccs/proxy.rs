//! Which proxy the environment sets for the server. It is determined here and not in the HTTP library so that an error can
//! name it, and because people expect more of `NO_PROXY` than the library supports.

use std::env;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Url;

use super::base_url::BaseUrl;
use super::settings::Trust;

/// How to reach the server, by the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// Directly.
    Direct,
    /// Through this proxy, with user and password if it has them.
    Proxy(String),
    /// Not set: the system's own settings apply if it has any (macOS). Those of Windows are read here.
    #[cfg_attr(windows, expect(dead_code, reason = "the registry is asked instead"))]
    System,
}

/// Whether no proxy is used at all.
static IS_OFF: AtomicBool = AtomicBool::new(false);

/// Uses no proxy from now on, whatever environment and system say. Applies to every connection of this process.
pub fn use_no_proxy() {
    IS_OFF.store(true, Ordering::Relaxed);
}

/// How to reach `url`, by the variables that other programs use too.
pub(super) fn route(url: &Url) -> Route {
    if IS_OFF.load(Ordering::Relaxed) {
        return Route::Direct;
    }
    // Scripts set either case; an empty variable counts as not set.
    let variable = |names: &[&str]| {
        let values = names.iter().filter_map(|name| env::var(name).ok());
        values
            .map(|value| value.trim().to_owned())
            .find(|value| !value.is_empty())
    };
    // In a CGI program, HTTP_PROXY is the header `Proxy` of a client's request.
    let own: &[&str] = match (url.scheme(), env::var_os("REQUEST_METHOD")) {
        ("https", _) => &["HTTPS_PROXY", "https_proxy"],
        (_, None) => &["HTTP_PROXY", "http_proxy"],
        _ => &[],
    };
    let proxy = variable(own).or_else(|| variable(&["ALL_PROXY", "all_proxy"]));
    decide(url, proxy, variable(&["NO_PROXY", "no_proxy"]).as_deref())
}

/// The proxy for the server, without user and password; `None` if there is none, or the URL cannot be used.
#[must_use]
pub fn proxy_to(base_url: &str) -> Option<String> {
    let base = BaseUrl::parse(base_url, &Trust::Insecure).ok()?;
    match route(&base.root()) {
        Route::Proxy(proxy) if !base.is_loopback() => Some(shown(&proxy)),
        _ => None,
    }
}

fn decide(url: &Url, proxy: Option<String>, no_proxy: Option<&str>) -> Route {
    if no_proxy.is_some_and(|list| is_listed(url, list)) {
        return Route::Direct;
    }
    match proxy {
        Some(proxy) => Route::Proxy(with_scheme(proxy)),
        None => configured(url),
    }
}

fn with_scheme(proxy: String) -> String {
    if proxy.contains("://") {
        proxy
    } else {
        format!("http://{proxy}")
    }
}

/// The user's proxy settings in the registry. The HTTP library supports neither a proxy per scheme nor `<local>`.
#[cfg(windows)]
fn configured(url: &Url) -> Route {
    let key = "Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings";
    let Ok(settings) = windows_registry::CURRENT_USER.open(key) else {
        return Route::Direct;
    };
    let text = |name| settings.get_string(name).unwrap_or_default();
    match settings.get_u32("ProxyEnable") {
        Ok(1) => by_registry(url, &text("ProxyServer"), &text("ProxyOverride")),
        _ => Route::Direct,
    }
}

#[cfg(not(windows))]
const fn configured(_: &Url) -> Route {
    Route::System
}

/// How to reach the server by the proxy settings of Windows: `servers` is `proxy:8080` or `http=proxy:80;https=proxy:8080`;
/// `exceptions` are separated by semicolons, and `<local>` matches every name without a dot.
#[cfg(any(windows, test))]
fn by_registry(url: &Url, servers: &str, exceptions: &str) -> Route {
    let host = url.host_str().unwrap_or_default();
    let mut exceptions = exceptions.split(';').map(str::trim);
    let is_local = |entry: &str| entry.eq_ignore_ascii_case("<local>") && !host.contains(['.', ':']);
    // `192.168.*`
    let begins = |entry: &str| {
        entry
            .strip_suffix('*')
            .is_some_and(|begin| begin.ends_with('.') && host.starts_with(begin))
    };
    if exceptions.any(|entry| is_local(entry) || begins(entry) || is_listed(url, entry)) {
        return Route::Direct;
    }
    let mut entries = servers.split([';', ' ']).filter(|entry| !entry.is_empty());
    let chosen = entries.find_map(|entry| match entry.split_once('=') {
        None => Some(entry),
        Some((scheme, proxy)) => scheme.eq_ignore_ascii_case(url.scheme()).then_some(proxy),
    });
    match chosen {
        Some(proxy) => Route::Proxy(with_scheme(proxy.to_owned())),
        None => Route::Direct,
    }
}

/// The proxy for a message: without user and password.
pub(super) fn shown(proxy: &str) -> String {
    match Url::parse(proxy) {
        Ok(url) => super::base_url::origin(&url),
        Err(_) => "of the environment".to_owned(),
    }
}

/// Whether `NO_PROXY` matches the server. Entries are separated by commas or blanks. `*` matches everything; `example.com`,
/// `.example.com` and `*.example.com` match the domain and all below it; an address may be a network (`10.0.0.0/8`). A
/// port may follow.
fn is_listed(url: &Url, list: &str) -> bool {
    let host = url
        .host_str()
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_ascii_lowercase();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default();
    list.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            let entry = entry.to_ascii_lowercase();
            let (name, wanted) = name_and_port(&entry);
            wanted.is_none_or(|wanted| Some(wanted) == port) && names(name, bare)
        })
}

/// An entry and its port. The last colon of a bare IPv6 address does not begin a port.
fn name_and_port(entry: &str) -> (&str, Option<u16>) {
    if let Some((address, rest)) = entry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (address, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.split_once(':') {
        Some((name, port)) if !port.contains(':') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

fn names(name: &str, host: &str) -> bool {
    if let Ok(address) = host.parse::<IpAddr>() {
        return name == "*" || is_in_network(address, name);
    }
    let domain = name.strip_prefix('*').unwrap_or(name);
    let domain = domain.strip_prefix('.').unwrap_or(domain).trim_end_matches('.');
    match host.strip_suffix(domain) {
        // `*` alone.
        Some(_) if domain.is_empty() => name.starts_with('*'),
        Some(before) => before.is_empty() || before.ends_with('.'),
        None => false,
    }
}

fn is_in_network(address: IpAddr, network: &str) -> bool {
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (base, length.parse::<u32>().ok()),
        None => (network, Some(128)),
    };
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    let (Ok(base), Some(length)) = (base.parse::<IpAddr>(), length) else {
        return false;
    };
    let ((one, width), (other, other_width)) = (bits(address), bits(base));
    let length = length.min(width);
    width == other_width && (length == 0 || (one ^ other) >> (128 - length) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_takes_names_domains_networks_ports_and_blanks() {
        for (url, list, expected) in [
            ("https://ccs.corp.example:12431", "ccs.corp.example", true),
            ("https://CCS.corp.example:12431", " other , Corp.Example ", true),
            ("https://ccs.corp.example:12431", ".corp.example", true),
            ("https://ccs.corp.example:12431", "a b *.corp.example", true),
            ("https://ccs.corp.example:12431", "*", true),
            ("https://ccs.corp.example:12431", "ccs.corp.example:12431", true),
            ("https://ccs.corp.example:12431", "*.corp.example:443", false),
            ("https://ccs.corp.example", "corp.example:443", true),
            ("https://ccs.corp.example:12431", "orp.example", false),
            ("https://ccs.corp.example:12431", "", false),
            ("https://ccs.corp.example:12431", ".", false),
            ("https://10.1.2.3:12431", "10.0.0.0/8", true),
            ("https://10.1.2.3:12431", "10.1.2.3:12431", true),
            ("https://10.1.2.3:12431", "10.1.2.4,11.0.0.0/8", false),
            ("https://10.1.2.3:12431", "0.0.0.0/0", true),
            ("https://[2001:db8::1]:12431", "2001:db8::1", true),
            ("https://[2001:db8::1]:12431", "[2001:db8::1]:12431", true),
            ("https://[2001:db8::1]:12431", "[2001:db8::1]:1", false),
            ("https://[2001:db8::1]:12431", "2001:db8::/32", true),
            ("https://[2001:db8::1]:12431", "10.0.0.0/8", false),
        ] {
            assert_eq!(is_listed(&url.parse().unwrap(), list), expected, "{url} {list}");
        }
    }

    #[test]
    fn the_proxy_settings_of_windows_are_read_by_scheme_and_with_their_exceptions() {
        for (url, servers, exceptions, expected) in [
            (
                "https://ccs.example:1",
                "proxy:8080",
                "",
                Some("http://proxy:8080"),
            ),
            (
                "https://ccs.example:1",
                "http=a:80;https=b:81",
                "",
                Some("http://b:81"),
            ),
            ("https://ccs.example:1", "http=a:80", "", None),
            ("https://ccs:1", "proxy:8080", "<local>", None),
            (
                "https://ccs.example:1",
                "proxy:8080",
                "<local>",
                Some("http://proxy:8080"),
            ),
            (
                "https://ccs.example:1",
                "proxy:8080",
                "x; *.EXAMPLE ;<local>",
                None,
            ),
            ("https://192.168.3.4:1", "proxy:8080", "192.168.*", None),
            (
                "https://193.168.3.4:1",
                "proxy:8080",
                "192.168.*",
                Some("http://proxy:8080"),
            ),
            ("https://ccs.example:1", "", "", None),
        ] {
            let expected = expected.map_or(Route::Direct, |proxy| Route::Proxy(proxy.to_owned()));
            let route = by_registry(&url.parse().unwrap(), servers, exceptions);
            assert_eq!(route, expected, "{url} {servers} {exceptions}");
        }
    }

    #[test]
    fn the_proxy_is_taken_unless_the_server_is_listed_and_shown_without_its_password() {
        let url: Url = "https://ccs.example:12431".parse().unwrap();
        let proxy = || Some("user:hunter2@proxy:3128".to_owned());
        let Route::Proxy(taken) = decide(&url, proxy(), Some("other.example")) else {
            panic!("by the proxy")
        };
        assert_eq!(taken, "http://user:hunter2@proxy:3128");
        assert_eq!(shown(&taken), "http://proxy:3128");
        assert_eq!(decide(&url, proxy(), Some("x, ccs.example:12431")), Route::Direct);
        assert_eq!(decide(&url, None, None), configured(&url));
        assert_eq!(shown("http://user:hunter2@:x"), "of the environment");
    }
}
