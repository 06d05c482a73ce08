//! A few of the doctor's cases, each in a fraction of a second: the disease is
//! named first, and healthy runs stay without one. The whole calibration is
//! `kobai doctor calibrate`.

use kobai_data::Locations;
use kobai_doctor::Severity;
use kobai_lab::calibration::{self, Data, Request, summary};
use std::sync::atomic::AtomicBool;

const SICK: [&str; 12] = [
    "TDC-01",
    "TDC-06",
    "TDC-12",
    "TDC-18",
    "course-l2",
    "TDC-36",
    "TDC-37",
    "TDC-44",
    "AT-A12",
    "NL-10",
    "SO-10",
    "course-gauss-sigmoid",
];
const HEALTHY: [&str; 5] = ["digits-mlp", "mlp-bn", "mlp-sigmoid", "friedman", "CTL-03"];

#[test]
fn a_few_cases_are_named_and_a_few_healthy_runs_are_not() {
    let sick = calibration::faults().into_iter().filter(|c| SICK.contains(&c.id.as_str()));
    let healthy = calibration::healthy().into_iter().filter(|c| HEALTHY.contains(&c.id.as_str()));
    let cases: Vec<_> = sick.chain(healthy).collect();
    assert_eq!(cases.len(), SICK.len() + HEALTHY.len(), "a case is gone");
    let request = Request { cases, seeds: 1, threads: 2, data: Data::new(Locations::none()), cache: None };
    let outcomes = calibration::run(&request, &AtomicBool::new(false), &|_, _| {}).unwrap();
    for o in &outcomes {
        let case = &request.cases[o.case];
        let serious: Vec<_> = o.doctor.iter().filter(|s| s.severity > Severity::Hint).collect();
        if case.expect.is_empty() {
            assert!(o.score >= case.min.unwrap_or(0.0), "{} is not healthy: {}", case.id, o.score);
            assert!(serious.iter().all(|s| s.severity < Severity::Disease), "{}: {serious:?}", case.id);
        } else {
            let first = serious.first().unwrap_or_else(|| panic!("{}: nothing was found", case.id));
            assert!(case.expect.contains(&first.disease), "{}: {serious:?}", case.id);
        }
    }
    let table = summary(&request.cases, &outcomes, 1);
    let ours = &table.detectors[0];
    assert_eq!(ours.tuned.runs + ours.other.runs, SICK.len());
    assert_eq!((ours.tuned.first + ours.other.first, ours.false_diseases), (SICK.len(), 0));
    // The rivals are judged on the same runs.
    assert!(table.detectors[1..].iter().all(|d| d.tuned.runs == ours.tuned.runs));
}
