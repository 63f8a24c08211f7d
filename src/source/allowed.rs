//! The requests that a source may send to a device: a list of methods and paths for each vendor.
//!
//! A request that would switch or set something is on no list, so it cannot be sent, whatever the code
//! around it or the configuration says. Knows no vendor and sends nothing.

use hyper::{Method, Uri};

/// The methods, paths and queries that devices of a vendor may be sent, as
/// `GET /api/json/*/values?id=*`. A `*` stands for one segment of a path or one value of a query,
/// never for more: a configured text cannot add a parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed(pub(super) &'static [&'static str]);

impl Allowed {
    /// GET of any path: the operator configures the URL.
    pub(super) const ANY_GET: Self = Self(&["GET"]);

    /// Whether a request with this method and target is on the list.
    pub(super) fn permits(self, method: &Method, target: &Uri) -> bool {
        let target = target.path_and_query().map_or("", |target| target.as_str());
        self.0.iter().any(|pattern| match pattern.split_once(' ') {
            Some((allowed, pattern)) => method.as_str() == allowed && is_target(pattern, target),
            None => method.as_str() == *pattern,
        })
    }
}

fn is_target(pattern: &str, target: &str) -> bool {
    match (pattern.split_once('?'), target.split_once('?')) {
        (None, None) => is_each(pattern.split('/'), target.split('/'), is_segment),
        (Some((path, query)), Some((target_path, target_query))) => {
            is_each(path.split('/'), target_path.split('/'), is_segment)
                && is_each(query.split('&'), target_query.split('&'), is_parameter)
        }
        _ => false,
    }
}

/// Whether both have the same number of parts and each part is as its pattern.
fn is_each<'a>(
    mut patterns: impl Iterator<Item = &'a str>,
    mut parts: impl Iterator<Item = &'a str>,
    is_part: fn(&str, &str) -> bool,
) -> bool {
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) if is_part(pattern, part) => {}
            _ => return false,
        }
    }
}

fn is_segment(pattern: &str, segment: &str) -> bool {
    // No `..` and no escape, behind which a device could see another path.
    let is_name = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b'~');
    let is_free = || segment.bytes().all(is_name) && segment.bytes().any(|c| c != b'.');
    if pattern == "*" { is_free() } else { pattern == segment }
}

fn is_parameter(pattern: &str, parameter: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(name) => parameter.strip_prefix(name).is_some_and(|value| !value.is_empty() && !value.contains(';')),
        None => pattern == parameter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIST: Allowed = Allowed(&["GET /values/*/now", "GET /?page=getdata&devid=*", "POST /login"]);

    fn permits(method: Method, target: &str) -> bool {
        LIST.permits(&method, &format!("http://h{target}").parse().unwrap())
    }

    #[test]
    fn a_listed_request_is_permitted_with_its_method_alone() {
        for target in ["/values/local/now", "/values/a-1.b/now", "/?page=getdata&devid=1728053249"] {
            assert!(permits(Method::GET, target), "{target}");
            for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
                assert!(!permits(method, target), "{target}");
            }
        }
        assert!(permits(Method::POST, "/login") && !permits(Method::GET, "/login"));
    }

    #[test]
    fn a_star_is_one_name_and_adds_no_parameter() {
        for target in [
            "/",
            "/values/now",
            "/values//now",
            "/values/../now",
            "/values/a%2fb/now",
            "/values/a/b/now",
            "/values/local/now?set=1",
            "/values/local/now/",
            "/?page=getdata&devid=1&pout=1",
            "/?page=getdata&devid=1;pout=1",
            "/?page=getdata&devid=",
            "/?page=pout&devid=1",
            "/?devid=1&page=getdata",
            "/x?page=getdata&devid=1",
        ] {
            assert!(!permits(Method::GET, target), "{target}");
        }
        assert!(Allowed::ANY_GET.permits(&Method::GET, &Uri::from_static("http://h/a?b=c")));
        assert!(!Allowed::ANY_GET.permits(&Method::POST, &Uri::from_static("http://h/a?b=c")));
    }

    proptest! {
        #[test]
        fn whatever_is_configured_keeps_the_shape_of_the_request(text in "[!-~]{1,20}") {
            let Ok(target) = format!("http://h/?page=getdata&devid={text}").parse::<Uri>() else { return Ok(()) };
            if LIST.permits(&Method::GET, &target) {
                let query = target.query().unwrap_or_default();
                prop_assert_eq!(query.matches('&').count(), 1);
                prop_assert_eq!(target.path(), "/");
            }
            let Ok(target) = format!("http://h/values/{text}/now").parse::<Uri>() else { return Ok(()) };
            if LIST.permits(&Method::GET, &target) {
                prop_assert_eq!(target.path().split('/').count(), 4);
                prop_assert!(target.query().is_none());
            }
        }
    }
}
