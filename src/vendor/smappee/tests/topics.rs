//! Topics and the secret in them.

use super::UUID;
use crate::vendor::smappee::{Document, Kind, Location, Report, Topic, hide};
use proptest::prelude::*;

const OTHER: &str = "5d0c0f0e-7a86-4c8e-a1c3-0e5d0b6f9d22";

fn kind(rest: &str) -> Option<Kind> {
    Topic::parse(&format!("servicelocation/{UUID}/{rest}")).map(|topic| topic.kind)
}

#[test]
fn every_published_topic_has_its_kind_and_segments_are_compared_as_a_whole() {
    for (rest, expected) in [
        ("config", Kind::Configuration(Document::Config)),
        ("channelConfig", Kind::Configuration(Document::ChannelConfig)),
        ("channelConfigV2", Kind::Configuration(Document::ChannelConfigV2)),
        ("sensorConfig", Kind::Configuration(Document::SensorConfig)),
        ("homeControlConfig", Kind::Configuration(Document::HomeControlConfig)),
        ("realtime", Kind::Realtime),
        ("aggregated", Kind::Aggregated),
        ("aggregated5min", Kind::Aggregated),
        ("aggregatedSwitch", Kind::AggregatedSwitch),
        ("aggregatedGW", Kind::AggregatedGateway),
        ("presence", Kind::Presence),
        ("plug/42/state", Kind::PlugState(42)),
        ("plug/42/connectionState", Kind::PlugConnection(42)),
        ("plug/42/setstate", Kind::Command),
        ("triggerpush", Kind::Command),
        ("trigger", Kind::Report(Report::Trigger)),
        ("trigger/appliance", Kind::Report(Report::ApplianceTrigger)),
        ("triggervalue", Kind::Report(Report::TriggerValue)),
        ("scheduler", Kind::Report(Report::Scheduler)),
        ("power", Kind::Power),
        ("tracking", Kind::Client),
        ("homeassistant/heartbeat", Kind::Client),
        ("powerquality", Kind::Unknown),
        ("outputmodule/1/state", Kind::Unknown),
        ("etc/carcharger/acchargingcontroller/v1/devices/updated", Kind::Unknown),
        ("homeassistant/trigger/etc", Kind::Unknown),
        ("Realtime", Kind::Unknown),
        ("realtime/1", Kind::Unknown),
        ("plug/42/state/1", Kind::Unknown),
        ("plug/x/state", Kind::Unknown),
        ("plug/42", Kind::Unknown),
    ] {
        assert_eq!(kind(rest), Some(expected), "{rest}");
    }
    let bare = Topic::parse(&format!("servicelocation/{UUID}")).unwrap();
    assert_eq!(bare.kind, Kind::Unknown);
    for foreign in ["", "servicelocation", "servicelocation/x/realtime", "a/servicelocation/b", "x/0b9fd2f6/realtime"] {
        assert_eq!(Topic::parse(foreign), None, "{foreign}");
        assert_eq!(Topic::hidden(foreign), None, "{foreign}");
    }
}

#[test]
fn a_hidden_topic_is_the_same_topic_without_the_secret() {
    for topic in [format!("servicelocation/{UUID}/plug/42/state"), format!("servicelocation/{}", UUID.to_uppercase())] {
        let (topic, hidden) = (Topic::parse(&topic).unwrap(), Topic::hidden(&topic).unwrap());
        assert_eq!(Topic::parse(&hidden), Some(topic));
        assert_eq!(Topic::hidden(&hidden), Some(hidden.clone()));
        for shown in [hidden, topic.to_string(), format!("{topic:?}")] {
            assert!(!shown.to_lowercase().contains("0b9fd2f6"), "{shown}");
        }
    }
}

#[test]
fn ids_depend_on_the_location_alone_and_are_the_same_from_its_public_id() {
    let location = Location::of_uuid(UUID.parse().unwrap());
    assert_eq!(location.meter("").to_string(), location.to_string());
    let public = Location::of_public_id(location.to_string().parse().unwrap());
    assert_eq!((public.meter(""), public.meter("ct:5")), (location.meter(""), location.meter("ct:5")));
    assert_ne!(location.meter("ct:5"), location.meter("ct:6"));
    assert_ne!(Location::of_uuid(OTHER.parse().unwrap()), location);
    // A change would begin every series of every user again.
    assert_eq!(location.to_string(), "724592d7-7d00-5b8c-a75c-eb63779263f8");
    assert_eq!(location.meter("ct:5").to_string(), "9b03bf36-95ac-509f-8391-95bcdd698c05");
}

#[test]
fn secrets_in_a_message_are_replaced_and_everything_else_stays() {
    let topic = format!("servicelocation/{UUID}/config");
    let device = "c82b8446-3457-407a-82f4-9e1d78e94e34";
    let message = format!(
        "{{\"deviceUuid\":\"{device}\",\"serviceLocationUuid\" : \"{}\",\"a\":\"-{UUID}-\",\"child\":{{\"serviceLocationUuid\":\"{OTHER}\"}}}}",
        UUID.to_uppercase()
    );
    let public = |uuid: &str| Location::of_uuid(uuid.parse().unwrap()).to_string();
    let expected = message
        .replace(UUID, &public(UUID))
        .replace(&UUID.to_uppercase(), &public(UUID))
        .replace(OTHER, &public(OTHER));
    let hidden = hide(&topic, message.as_bytes()).into_owned();
    assert_eq!(String::from_utf8(hidden).unwrap(), expected);
    // Without the topic the name of the member still hides it.
    let hidden = hide("", format!("{{\"serviceLocationUuid\":\"{UUID}\"}}").as_bytes()).into_owned();
    assert!(!String::from_utf8(hidden).unwrap().contains(UUID));
}

#[test]
fn a_message_of_numbers_is_not_copied() {
    let topic = format!("servicelocation/{UUID}/realtime");
    assert!(matches!(hide(&topic, br#"{"power":-2,"x":-12345678-}"#), std::borrow::Cow::Borrowed(_)));
}

proptest! {
    #[test]
    fn no_message_keeps_the_secret_and_hiding_twice_changes_nothing(
        before in "[ -~]{0,40}", after in "[ -~]{0,40}", upper in any::<bool>(), hidden_topic in any::<bool>()
    ) {
        let topic = format!("servicelocation/{UUID}/x");
        let uuid = if upper { UUID.to_uppercase() } else { UUID.to_owned() };
        let message = format!("{before}{uuid}{after}{uuid}");
        let hidden = hide(&topic, message.as_bytes()).into_owned();
        prop_assert!(!String::from_utf8_lossy(&hidden).to_lowercase().contains(UUID));
        prop_assert_eq!(hidden.len(), message.len());
        let topic = if hidden_topic { Topic::hidden(&topic).unwrap() } else { topic };
        let again = hide(&topic, &hidden);
        prop_assert_eq!(again.as_ref(), hidden.as_slice());
    }

    #[test]
    fn no_topic_panics(topic in ".{0,80}", rest in "[a-z/0-9]{0,30}") {
        Topic::parse(&topic);
        let topic = format!("servicelocation/{UUID}/{rest}");
        let hidden = Topic::hidden(&topic).unwrap();
        prop_assert_eq!(Topic::parse(&topic), Topic::parse(&hidden));
    }
}
