//! `meterline smart-me rotate`: a new webhook password, and no reading refused meanwhile.

use super::DataPlace;
use super::Failure;
use crate::app::rotate;
use crate::cli::table::print;
use clap::Args;

/// Replace the webhook password of an account, here and at smart-me
///
/// A new random password is written into the account's password_file and accepted
/// beside the old one, which is kept in FILE.before; the registration at smart-me is
/// replaced; once nobody has presented the old one for ten seconds it is retired. It
/// works beside a running service and without one, as a user who may write in the
/// file's directory; the service must be able to read both files. After a kill, or
/// where smart-me cannot be asked, both stay valid, and running it again goes on.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done, 1 not (the old password stays valid), 3 configuration at fault.")]
pub(super) struct RotateArgs {
    #[command(flatten)]
    place: DataPlace,
    /// The account
    #[arg(long, short, value_name = "NAME")]
    account: String,
}

pub(super) fn run(arguments: &RotateArgs) -> Result<(), Failure> {
    let config = arguments.place.load()?;
    let mut closed = Ok(());
    let mut say = |step: &str| {
        if closed.is_ok() {
            closed = print(format!("{}: {step}", arguments.account));
        }
    };
    rotate(&config, &arguments.account, &mut say).map_err(Failure::Failed)?;
    closed
}
