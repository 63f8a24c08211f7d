//! The sender's posts, by a clock of the test's own.

use super::super::{Cloud, CloudAccount, Switches};
use super::*;
use crate::proto::smart_me::DeviceDataArray;
use crate::sender::tests::Receiver;
use prost::Message as _;
use std::sync::atomic::{AtomicI64, Ordering};

/// 2026-11-21T00:00:00Z.
const START: i64 = 1_795_219_200_000_000_000;
const PATIENCE: u32 = 3000;

struct Harness {
    cloud: Cloud,
    clock: Arc<AtomicI64>,
    receiver: Receiver,
    url: String,
    sender: CloudSender,
}

/// An account of two devices, ten seconds after midnight.
fn harness(how: SenderOptions, status: &'static str) -> Harness {
    let mut account = CloudAccount::new("a", Vec::new());
    account.devices = [1, 2].map(|id| CloudDevice::new(Uuid::from_u128(id), 100.0)).to_vec();
    let cloud = Cloud::start(vec![account], Switches::default()).unwrap();
    let (receiver, url) = Receiver::start(status);
    let clock = Arc::new(AtomicI64::new(START + 10_000_000_000));
    let for_sender = Arc::clone(&clock);
    let how = SenderOptions { live_every: Duration::from_millis(2), ..how };
    let sender = cloud.send(how, move || for_sender.load(Ordering::SeqCst)).unwrap();
    Harness { cloud, clock, receiver, url, sender }
}

impl Harness {
    fn register(&self, change: impl FnOnce(&mut CloudRegistration)) {
        let mut registration = CloudRegistration::for_all("a", &self.url);
        change(&mut registration);
        self.cloud.change_registrations(|all| all.push(registration));
    }

    fn set_offline(&self, is_offline: bool) {
        self.cloud.change_account("a", |account| account.devices[0].is_offline = is_offline);
    }

    /// Lets `count` quarter-hours pass.
    fn pass(&self, slots: i64) {
        self.clock.fetch_add(slots * SLOT_NS, Ordering::SeqCst);
        self.turn();
    }

    /// Waits for a whole turn.
    fn turn(&self) {
        let goal = self.sender.sent().turns + 2;
        for _ in 0..PATIENCE {
            if self.sender.sent().turns >= goal {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("no turn comes");
    }

    /// The quarter-hours that device 1 posted, in quarter-hours since the start.
    fn quarter_hours(&self) -> Vec<i64> {
        let posts: Vec<_> = self.posts().into_iter().flatten().collect();
        let of_first = posts.into_iter().filter(|(device, _)| *device == 1).map(|(_, time)| time);
        of_first.filter(|time| time % SLOT_NS == 0).map(|time| (time - START) / SLOT_NS).collect()
    }

    /// Device and time of the readings of each post.
    fn posts(&self) -> Vec<Vec<(u8, i64)>> {
        let decode = |(_, _, body): (usize, String, Vec<u8>)| {
            let array = DeviceDataArray::decode(&body[..]).unwrap();
            array.device_data_items.into_iter().map(|item| (device(&item), time_ns(&item))).collect()
        };
        self.receiver.requests().into_iter().map(decode).collect()
    }
}

fn device(item: &crate::proto::smart_me::DeviceData) -> u8 {
    item.device_id.unwrap().hi.to_be_bytes()[0]
}

fn time_ns(item: &crate::proto::smart_me::DeviceData) -> i64 {
    let units = [96 * SLOT_NS, 4 * SLOT_NS, 60_000_000_000, 1_000_000_000, 1_000_000, 100];
    let time = item.date_time.unwrap();
    time.value * units[usize::try_from(time.scale).unwrap()]
}

#[test]
fn stored_quarter_hours_come_first_then_each_once_and_none_of_a_pause() {
    let harness = harness(SenderOptions { stored: 3, ..SenderOptions::default() }, "200 OK");
    harness.turn();
    assert_eq!(harness.posts(), Vec::<Vec<_>>::new(), "no registration yet");
    harness.register(|_| {});
    harness.turn();
    assert_eq!(harness.quarter_hours(), [-2, -1, 0]);
    harness.pass(1);
    harness.sender.pause();
    harness.turn();
    harness.pass(2);
    let (posts, sent) = (harness.posts().len(), harness.sender.sent());
    harness.turn();
    assert_eq!((harness.posts().len(), harness.sender.sent().posts), (posts, sent.posts), "it is paused");
    harness.sender.resume();
    harness.pass(1);
    assert_eq!(harness.quarter_hours(), [-2, -1, 0, 1, 4]);
    let sent = harness.sender.stop();
    assert!(sent.taken == sent.posts && sent.readings_taken >= 10 && sent.trouble.is_none(), "{sent:?}");
}

#[test]
fn what_a_device_measured_offline_comes_later_or_never_as_switched() {
    for (stored_come_later, expected) in [(true, &[0, 1, 2, 3, 4][..]), (false, &[0, 1, 4])] {
        let harness = harness(SenderOptions { stored: 1, stored_come_later, ..SenderOptions::default() }, "200 OK");
        harness.register(|_| {});
        harness.turn();
        harness.pass(1);
        harness.set_offline(true);
        harness.pass(2);
        let live = |posts: &[Vec<(u8, i64)>]| posts.iter().flatten().filter(|(device, _)| *device == 1).count();
        let before = live(&harness.posts());
        harness.turn();
        assert_eq!(live(&harness.posts()), before, "it is offline");
        harness.set_offline(false);
        harness.pass(1);
        assert_eq!(harness.quarter_hours(), expected);
    }
}

#[test]
fn what_is_lost_on_its_way_is_not_posted() {
    let harness = harness(SenderOptions { stored: 6, ..SenderOptions::default() }, "200 OK");
    harness.cloud.change_account("a", |account| account.devices[0].lost.push((START - 4 * SLOT_NS, START - SLOT_NS)));
    harness.register(|_| {});
    harness.turn();
    assert_eq!(harness.quarter_hours(), [-5, -1, 0]);
}

#[test]
fn a_device_may_have_more_history_than_others_and_corrects_a_value_once() {
    let harness = harness(SenderOptions { stored: 1, ..SenderOptions::default() }, "200 OK");
    harness.cloud.change_account("a", |account| {
        account.devices[0].stored = Some(3);
        account.devices[0].corrects = Some(START - SLOT_NS);
    });
    harness.register(|_| {});
    harness.turn();
    harness.turn();
    assert_eq!(harness.quarter_hours(), [-2, -1, 0, -1]);
    let is_corrected =
        |item: &&crate::proto::smart_me::DeviceData| device(item) == 1 && time_ns(item) == START - SLOT_NS;
    let values = |(_, _, body): (usize, String, Vec<u8>)| {
        let array = DeviceDataArray::decode(&body[..]).unwrap();
        array.device_data_items.iter().filter(is_corrected).map(|item| item.device_values.clone()).collect::<Vec<_>>()
    };
    let values: Vec<_> = harness.receiver.requests().into_iter().flat_map(values).collect();
    assert_eq!(values.len(), 2);
    assert_ne!(values[0], values[1]);
}

#[test]
fn a_refused_post_is_repeated_only_where_that_is_switched_on() {
    for repeats in [false, true] {
        let harness =
            harness(SenderOptions { stored: 1, repeats, ..SenderOptions::default() }, "503 Service Unavailable");
        harness.register(|_| {});
        harness.turn();
        harness.turn();
        assert_eq!(harness.quarter_hours().len() > 1, repeats, "{:?}", harness.quarter_hours());
        let sent = harness.sender.stop();
        assert!(sent.refused == sent.posts && sent.taken == 0, "{sent:?}");
        assert_eq!(sent.trouble.as_deref(), Some("answered 503"));
    }
}

#[test]
fn a_registration_says_which_devices_are_posted_where_and_as_whom() {
    let harness = harness(SenderOptions { devices_per_post: 2, ..SenderOptions::default() }, "200 OK");
    harness.register(|it| it.kind = 0);
    harness.turn();
    assert_eq!(harness.posts().len(), 0, "a disabled one posts nothing");
    harness.register(|it| (it.kind, it.meter) = (1, Some(Uuid::from_u128(2))));
    harness.turn();
    assert!(harness.posts().iter().all(|post| post.iter().map(|(device, _)| *device).eq([2])));
    harness.cloud.change_registrations(|all| {
        all.retain(|it| it.kind == 1);
        (all[0].kind, all[0].username, all[0].password) = (2, Some("u".into()), Some("p".into()));
    });
    harness.turn();
    let last = harness.posts().pop().unwrap();
    assert!(last.iter().map(|(device, _)| *device).eq([1, 2]), "{last:?}");
    let (_, head, _) = harness.receiver.requests().pop().unwrap();
    assert!(head.to_lowercase().contains("authorization: basic dtpw"), "{head}");
}
