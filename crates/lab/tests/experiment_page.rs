//! The pages about the experiment file: their examples run, and they name every key.

use kobai_engine::PlanOptions;
use kobai_lab::experiment::{Changes, Experiment, ExperimentProblem};

const PAGES: [&str; 2] =
    [include_str!("../../../docs/experiments.md"), include_str!("../../../docs/experiments.ja.md")];

fn examples(page: &str) -> Vec<&str> {
    page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

fn changes() -> Changes {
    Changes { outputs: Some(10), ..Changes::default() }
}

#[test]
fn the_examples_are_sound() {
    for page in PAGES {
        assert_eq!(examples(page).len(), 2);
        for text in examples(page) {
            let experiment = Experiment::from_toml("page.toml", text, &changes()).unwrap();
            experiment.plans("page.toml", [64].into(), 10, PlanOptions::batch(50)).unwrap();
        }
    }
}

#[test]
fn every_key_is_on_the_page() {
    let sound = examples(PAGES[0])[1];
    for table in ["", "[data]", "[model]", "[training]", "[optimizer]", "[[rows]]", "[[claims]]"] {
        let slip = "a_slip = 1\n";
        let text = match table {
            "" => format!("{slip}{sound}"),
            table => sound.replacen(table, &format!("{table}\n{slip}"), 1),
        };
        let problem = Experiment::from_toml("page.toml", &text, &changes()).unwrap_err().problem;
        let ExperimentProblem::UnknownKey { known, .. } = problem else { panic!("{table}: {problem:?}") };
        assert!(known.len() > 3, "{table}: {known:?}");
        for key in known {
            for page in PAGES {
                let headings = [format!("[{key}"), format!(".{key}]")];
                let stands = page.contains(&format!("`{key}`")) || headings.iter().any(|t| page.contains(t));
                assert!(stands, "`{key}` of {table} is not on the page");
            }
        }
    }
}
