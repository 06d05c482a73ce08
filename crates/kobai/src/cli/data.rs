//! `kobai data`.

use super::Terminal;
use super::errors::Failure;
use clap::ArgMatches;

pub(super) fn run(_: &ArgMatches, _: &Terminal) -> Result<u8, Failure> {
    Ok(0)
}
