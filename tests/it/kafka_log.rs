//! A topic read into QuestDB by members of a consumer group (`deliver/kafka_log`), against real servers: the way of a
//! reading (`delivery`), members that come and go (`group`), a member that was stopped (`zombie`), the check before a
//! start (`check`).

pub(crate) mod check;
mod delivery;
mod group;
mod harness;
mod zombie;
