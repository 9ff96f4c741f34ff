//! The address of an outbound proxy, which may hold a login.

use std::fmt;

use standin_core::Secret;

/// An outbound proxy's address; shown without its login.
#[derive(Clone)]
pub struct Proxy(Secret);

impl Proxy {
    /// Takes the address over as it was written.
    pub fn new(address: impl Into<String>) -> Self {
        Self(Secret::new(address))
    }

    /// The address with its login.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.expose();
        let (scheme, rest) = address.split_once("://").map_or(("", address), |(scheme, rest)| (scheme, rest));
        // What stands before the last `@` is a login, or nothing that would be accepted.
        match rest.rsplit_once('@') {
            Some((_, place)) => write!(f, "{scheme}://***@{place}"),
            None => f.write_str(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k8_a_proxy_is_shown_without_its_login() {
        for (written, shown) in [
            ("socks5://127.0.0.1:1080", "socks5://127.0.0.1:1080"),
            ("http://user:pass@proxy.example:3128", "http://***@proxy.example:3128"),
            ("http://user:p@ss@proxy.example", "http://***@proxy.example"),
        ] {
            assert_eq!(format!("{:?}", Proxy::new(written)), shown);
        }
    }
}
