//! The simulated devices notice requests and bytes that they must not get.

use super::*;
use crate::http::get;
use crate::smappee::{Generation, Monitor, MonitorBroker};
use rumqttc::{Client, Event, MqttOptions, Packet, PublishOptions, QoS};
use std::io::Write as _;
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn fails(test: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(test)).is_err()
}

#[test]
fn a_request_that_is_on_no_list_fails_the_test_that_owns_the_device() {
    let device = HttpServer::start(AllowList::dsmr_logger(), |_| (200, "{}".to_owned())).unwrap();
    assert_eq!(get(&format!("{}api/v1/sm/actual", device.url())).unwrap(), (200, "{}".to_owned()));
    assert_eq!(device.lines(), ["GET /api/v1/sm/actual HTTP/1.1"]);
    assert!(get(&format!("{}api/v1/dev/settings", device.url())).is_err(), "it gets no answer");
    assert!(fails(|| drop(device)));
}

#[test]
fn a_panic_of_the_device_fails_the_test_that_owns_it() {
    let device =
        HttpServer::start(AllowList::only("GET /"), |_| -> (u16, String) { panic!("not as expected") }).unwrap();
    get(&device.url()).unwrap_err();
    assert!(fails(|| drop(device)));
}

#[test]
fn a_byte_sent_to_a_serial_server_fails_the_test_that_owns_it() {
    for sent in [&b""[..], b"/?!\r\n"] {
        let server = SerialServer::start().unwrap();
        let mut client = TcpStream::connect(server.address().unwrap()).unwrap();
        let line = server.accept().unwrap();
        client.write_all(sent).unwrap();
        drop(client);
        // The end of the connection arrives behind the bytes.
        line.wait_for_client();
        assert_eq!(fails(|| drop(line)), !sent.is_empty());
    }
}

#[test]
fn a_client_that_publishes_to_a_monitor_fails_the_test_that_owns_it() {
    for publishes in [false, true] {
        let clock = Clock::new(|| 1_764_000_000);
        let monitor = MonitorBroker::start(Monitor::new(Generation::First, 1, 2), clock).unwrap();
        let options = MqttOptions::new("client", ("127.0.0.1", monitor.address().port()));
        let (client, mut connection) = Client::builder(options).capacity(10).build();
        client.subscribe("servicelocation/+/#", QoS::AtLeastOnce).unwrap();
        let mut topics = Vec::new();
        while topics.len() < 3 {
            if let Event::Incoming(Packet::Publish(message)) = connection.recv().unwrap().unwrap() {
                topics.push(String::from_utf8_lossy(&message.topic).rsplit('/').next().unwrap().to_owned());
            }
        }
        topics.sort();
        assert_eq!(topics, ["channelConfig", "config", "realtime"]);
        if publishes {
            client.publish("servicelocation/x/plug/1/setstate", "{}", PublishOptions::new(QoS::AtMostOnce)).unwrap();
        }
        client.disconnect().unwrap();
        while connection.recv().is_ok_and(|event| event.is_ok()) {}
        assert_eq!(fails(|| drop(monitor)), publishes);
    }
}

#[test]
fn no_list_holds_a_request_that_changes_a_device() {
    for (list, requests) in [
        (
            AllowList::dsmr_logger(),
            &[
                "PUT /api/v1/hist/months",
                "POST /api/v1/dev/settings",
                "GET /api/v1/dev/settings",
                "GET /api/v1/sm/fields/a/b",
            ][..],
        ),
        (
            AllowList::ksem(),
            &[
                "PUT /api/device-settings",
                "GET /api/e-mobility/state",
                "GET /api/data-transfer/ws/json/json/local/config/e-mobility/chargemode",
            ],
        ),
        (
            AllowList::smart_mac(),
            &[
                "GET /?page=getdata&devid=1&devpass=2&pout=1",
                "GET /?page=pout&state=1",
                "GET /?page=initval&Wh1=0",
                "GET /?page=getdata&devid=1&devpass=",
            ],
        ),
    ] {
        for request in requests {
            assert!(!list.allows(&format!("{request} HTTP/1.1")), "{request}");
        }
    }
    assert!(AllowList::smart_mac().allows("GET /?page=getdata&devid=1&devpass=002 HTTP/1.1"));
    assert!(AllowList::ksem().allows("GET /api/json/local/values/smart-meter HTTP/1.1"));
}

#[test]
fn values_follow_from_the_time_alone_and_move() {
    for measured in [P1Meter::measured, DsmrLogger::measured, Ksem::measured, SmartMac::measured] {
        assert_eq!(measured(1_790_000_000), measured(1_790_000_000));
        assert_ne!(measured(1_790_000_000)[0].values, measured(1_790_000_010)[0].values);
    }
}
