//! `meterline decode`: prints recorded messages of any vendor for a person or a script.
//!
//! It decodes with the code of the service, so it shows the values that would be stored.

mod detect;
mod devices;
mod documents;
mod format;
mod input;
mod item;
mod ksem_configuration;
mod options;
mod output;
mod p1;
mod recorded;
mod smappee;
mod smappee_mqtt;
mod smart_me;
mod wire;

use super::failure::Failure;
use super::location::DataLocation;
use crate::clock::Clock;
use crate::reading::{Limits, UnixNanos};
use crate::vendor::Reading;
use crate::vendor::p1::Key;
use crate::vendor::smappee::hide;
use crate::vendor::smart_mac::Wiring;
use crate::wire::batch::{Original, encode};
use clap::Args;
use format::Format;
use input::Encoding;
use item::Judge;
use options::Options;
use output::Output;
use recorded::RecordArgs;
use std::path::PathBuf;

/// Decode recorded messages: webhook bodies, P1 telegrams, devices' answers
///
/// Prints every value with its meter, time, register, name and unit, in base units. A part that
/// cannot be read is printed with the reason. A sample that would be set aside has the reason. A
/// file may hold several messages: a stream of telegrams, or of JSON documents. With --journal, the command
/// decodes records of the journal and applies the limits that were in force when they were
/// received. It changes nothing; the service may be running.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    meterline decode telegrams.txt                       the format is detected and reported\n  \
    meterline decode --format p1 --json *.txt            one JSON object for each value\n  \
    meterline decode --json recorded.jsonl               many JSON messages after each other\n  \
    echo 0a5a0a12... | meterline decode\n  \
    meterline decode rows.json --context configuration.json      rows of a Smappee with its channels\n  \
    meterline dead-letters export 17 --raw | meterline decode --json\n  \
    meterline decode body.bin --received 2026-11-21T13:15:10Z    check its times against this time\n  \
    meterline decode realtime.json --topic servicelocation/UUID/realtime --context config.json channelConfig.json\n  \
    meterline decode --topic 1728053249/A --topic 1728053249/A1 a a1     single values of a smart-MAIC, a topic each\n  \
    meterline decode --journal --source building-a --limit 1     the oldest record of this source\n\n\
    JSON: one object per line. A value: file (or \"journal\"), offset (a byte, or the record), meter, native_id, obis, name, value, unit,\n\
    time (RFC 3339 UTC), flags, raw_code, and set_aside if it would not be delivered. A text: file,\n\
    offset, meter, native_id, raw_code, text. An unreadable part: file, offset, error, kept.\n\n\
    Exit codes: 0 every message was read, 1 some were not, 3 error in the configuration.")]
pub(super) struct DecodeArgs {
    /// The files; standard input if absent or -
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The encoding of the input; whitespace between hexadecimal digits is ignored
    #[arg(long, value_enum, default_value_t = Encoding::Auto)]
    input: Encoding,
    /// The format of the messages; detected if absent
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Also check measurement times, as if the messages were received at this time (RFC 3339), with the default limits
    #[arg(long, value_name = "TIME")]
    received: Option<jiff::Timestamp>,
    /// Read P1 telegrams whose checksum is wrong or missing, too
    #[arg(long)]
    unchecked: bool,
    /// The key of encrypted P1 telegrams, 32 hexadecimal digits
    #[arg(long, value_name = "HEX")]
    key: Option<String>,
    /// The authentication key of encrypted P1 telegrams, if it is not the published one
    #[arg(long, value_name = "HEX", requires = "key")]
    authentication_key: Option<String>,
    /// The MQTT topic of the messages, given once, or once for each file in their order; needed for smappee-mqtt, and
    /// for the device of smart-mac. A UUID in it is a secret, and is not printed. For smappee-rest the path of the request,
    /// which tells the interval
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// Messages that the others need: for smappee-rest the metering configuration or the info; for
    /// smappee-mqtt config, channelConfig and the like; for ksem-gdr the configurations; for dsmr-logger its info; also
    /// a context of the journal
    #[arg(long, value_name = "FILE", num_args = 1..)]
    context: Vec<PathBuf>,
    /// The three lines of a smart-MAIC are not the phases of one supply: each is a meter
    #[arg(long)]
    lines: bool,
    /// Decode records of the journal instead; needs --source
    #[arg(long, requires = "source", conflicts_with_all = ["files", "input", "format", "received"])]
    journal: bool,
    #[command(flatten)]
    records: RecordArgs,
    #[command(flatten)]
    location: DataLocation,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// Prints the readings of a device, judged as received now.
///
/// # Errors
/// When there are none.
pub(super) fn print_readings(device: &str, readings: &[Reading], json: bool) -> Result<(), Failure> {
    let batch = encode(readings.iter().map(|it| (it.meter, it.at, it.flags, &it.samples)), &Original::default());
    let judge = Judge { limits: Limits::DEFAULT, received: Some(Clock::system().now()) };
    let mut output = Output::new(std::io::stdout().lock(), json);
    output.begin(device, None)?;
    if !readings.is_empty() {
        wire::decode(crate::wire::PayloadFormat::ReadingBatch, 0, &batch, &judge, &mut output)?;
    }
    output.finish()
}

/// Decodes and prints the messages or the records that the arguments select.
///
/// # Errors
/// When a file cannot be read, or a message cannot.
pub(super) fn run(arguments: &DecodeArgs) -> Result<(), Failure> {
    let mut output = Output::new(std::io::stdout().lock(), arguments.json);
    if let Some(source) = &arguments.records.source {
        recorded::decode(&arguments.location.load_existing()?, source, &arguments.records, &mut output)?;
    } else {
        let options = arguments.options()?;
        let standard_input = [PathBuf::from("-")];
        let files = if arguments.files.is_empty() { &standard_input[..] } else { &arguments.files };
        decode_files(files, arguments.input, &options, &mut output)?;
    }
    output.finish()
}

/// Decodes the messages of all files. A file that cannot be read costs only itself.
fn decode_files(
    files: &[PathBuf],
    encoding: Encoding,
    options: &Options,
    output: &mut Output<impl std::io::Write>,
) -> Result<(), Failure> {
    for (number, file) in files.iter().enumerate() {
        let (name, topic) = (file.to_string_lossy(), options.topic(number));
        // A message of a topic may be a number alone, which is not hexadecimal.
        let is_plain = topic.is_some() && encoding == Encoding::Auto;
        match input::bytes(file, if is_plain { Encoding::Raw } else { encoding }) {
            Ok(bytes) => decode(&name, topic, &bytes, options, output)?,
            Err(error) => {
                output.begin(&name, None)?;
                output.unreadable_message(0, &error.to_string(), &[])?;
            }
        }
    }
    Ok(())
}

/// Decodes the messages of one file.
fn decode(
    file: &str,
    topic: Option<&str>,
    bytes: &[u8],
    options: &Options,
    output: &mut Output<impl std::io::Write>,
) -> Result<(), Failure> {
    let may_be_json = options.format.map_or_else(|| !detect::is_binary(bytes), Format::is_json);
    let is_json = may_be_json && documents::begin_with_one(bytes);
    let messages = if is_json { documents::of(bytes) } else { vec![(0, bytes)] };
    let mut begun = None;
    for (offset, message) in messages {
        let format = options.format.or_else(|| detect::detect(message, topic));
        if begun != Some(format) {
            output.begin(file, format.filter(|_| options.format.is_none()))?;
            begun = Some(format);
        }
        output.move_to(offset);
        decode_message(format, topic, message, options, output)?;
    }
    Ok(())
}

/// Decodes a message of this format. A file of telegrams is one message here.
fn decode_message(
    format: Option<Format>,
    topic: Option<&str>,
    bytes: &[u8],
    options: &Options,
    output: &mut Output<impl std::io::Write>,
) -> Result<(), Failure> {
    let Some(format) = format else {
        // It may be one with a secret, cut short.
        return output.unreadable_message(0, detect::why_unknown(bytes), &hide("", bytes));
    };
    match format {
        Format::SmartMe => wire::decode(crate::wire::PayloadFormat::SmartMe, 0, bytes, &options.judge, output),
        Format::Meterline => wire::decode(crate::wire::PayloadFormat::ReadingBatch, 0, bytes, &options.judge, output),
        Format::P1 => p1::decode(bytes, options, output),
        Format::KsemConfiguration => ksem_configuration::decode(bytes, output),
        Format::SmappeeMqtt => smappee_mqtt::decode(topic, bytes, options, output),
        Format::SmappeeRest => smappee::decode(topic, bytes, options, output),
        Format::SmartMeRest => smart_me::decode(bytes, &options.judge, output),
        device => devices::decode(device, topic, bytes, options, output),
    }
}

impl DecodeArgs {
    fn options(&self) -> Result<Options, Failure> {
        let (topics, files) = (self.topics.len(), self.files.len().max(1));
        if topics > 1 && topics != files {
            let count = if files == 1 { "one file".to_owned() } else { format!("{files} files") };
            return Err(Failure::failed(format!(
                "--topic is given {topics} times for {count}: give it once, or once for each file"
            )));
        }
        let received = self.received.map(|time| {
            let nanos = i64::try_from(time.as_nanosecond()).map_err(|_| {
                Failure::failed(format!(
                    "--received {time} is out of range: give a time between the years 1678 and 2261"
                ))
            });
            nanos.map(UnixNanos)
        });
        let context = self.context.iter().map(|file| input::bytes(file, Encoding::Auto));
        let key = self.key.as_deref().map(|key| Key::parse(key, self.authentication_key.as_deref()));
        Ok(Options {
            format: self.format,
            unchecked: self.unchecked,
            key: key.transpose().map_err(Failure::failed)?,
            judge: Judge { limits: Limits::DEFAULT, received: received.transpose()? },
            topics: self.topics.clone(),
            wiring: if self.lines { Wiring::Lines } else { Wiring::Phases },
            context: context.collect::<Result<_, _>>().map_err(Failure::failed)?,
        })
    }
}

#[cfg(test)]
mod tests;
