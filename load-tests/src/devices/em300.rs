//! A TQ Energy Manager EM300: values in a session, behind a password.

use super::measured::{Clock, counter, electricity, moving, nearest, thousandths};
use super::{AllowList, Answer, HttpServer};
use std::io::Write as _;

/// Its serial number.
const SERIAL: &str = "72301456";
/// Its password; the same in a form.
const PASSWORD: &str = "simulatedEm300Password";

/// A running device.
#[derive(Debug)]
pub struct Em300(HttpServer);

impl Em300 {
    /// Starts one.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start(clock: Clock) -> std::io::Result<Self> {
        let (mut sessions, mut is_open) = (0_u64, false);
        HttpServer::start(AllowList::ksem(), move |request| {
            let has_session = request.to_ascii_lowercase().contains(&format!("\r\ncookie: phpsessid=s{sessions}\r\n"));
            match request.split(" HTTP/").next().unwrap_or_default() {
                "GET /start.php" => {
                    (sessions, is_open) = (sessions + 1, false);
                    began(sessions)
                }
                "POST /start.php" => {
                    let form = format!("\r\n\r\nlogin={SERIAL}&password={PASSWORD}&save_login=1");
                    is_open = has_session && request.ends_with(&form);
                    (200, state(is_open)).into()
                }
                "GET /mum-webservice/data.php" => {
                    (200, if is_open && has_session { data(clock.now()) } else { state(false) }).into()
                }
                _ => (404, String::new()).into(),
            }
        })
        .map(Self)
    }

    /// The number of answered requests for its values.
    #[must_use]
    pub fn polls(&self) -> usize {
        self.0.arrivals("/mum-webservice/data.php").len()
    }

    /// Its address, without path.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// Its serial number.
    #[must_use]
    pub fn serial() -> &'static str {
        SERIAL
    }

    /// Its password.
    #[must_use]
    pub fn password() -> &'static str {
        PASSWORD
    }

    /// Codes and values of this second. The device gives them no time.
    #[must_use]
    pub fn values(seconds: i64) -> Vec<([u8; 6], f64)> {
        vec![(electricity(1, 7), nearest(power(seconds))), (electricity(1, 8), nearest(energy(seconds)))]
    }
}

/// In thousandths of a watt.
fn power(seconds: i64) -> i64 {
    moving(seconds, 500) * 1000 + 200
}

/// In thousandths of a watt-hour.
fn energy(seconds: i64) -> i64 {
    counter(seconds, 3_000_000) * 1000 + 500
}

/// The answer with the cookie of a new session.
fn began(session: u64) -> Answer {
    Answer::Taken(Box::new(move |mut stream| {
        let head = format!("HTTP/1.0 200 OK\r\nSet-Cookie: PHPSESSID=s{session}; path=/\r\n\r\n");
        // A client that left is no fault of the device.
        stream.write_all(format!("{head}{}", state(false)).as_bytes()).ok();
    }))
}

fn state(is_open: bool) -> String {
    format!("{{\"ieq_serial\":\"{SERIAL}\",\"authentication\":{is_open}}}")
}

fn data(seconds: i64) -> String {
    format!(
        "{{\"serial\":\"{SERIAL}\",\"1-0:1.4.0*255\":{},\"1-0:1.8.0*255\":{}}}",
        thousandths(power(seconds)),
        thousandths(energy(seconds))
    )
}
