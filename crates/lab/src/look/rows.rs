//! What a report shows of the rows that its experiment names.

use super::{Network, filters, gradcam};
use crate::experiment::Experiment;
use crate::report::{Look, Map};
use crate::results::Row;
use crate::runner::Job;
use crate::store::{Folder, run_name};
use kobai_data::Split;
use kobai_engine::Lang;

/// Test pictures that are shown.
const PICTURES: usize = 4;

/// The first seed of every row that the experiment's `look` names. A network
/// whose checkpoint cannot be read is left out: a picture is no result.
pub(crate) fn of_rows(
    experiment: &Experiment,
    split: &Split,
    rows: &[Row],
    folder: &Folder,
    lang: Lang,
) -> Vec<Look> {
    let wanted = experiment.rows.iter().enumerate().filter(|(_, r)| experiment.look.contains(&r.id));
    wanted
        .filter_map(|(index, spec)| {
            let seed = rows.iter().find(|r| r.id == spec.id)?.runs.first()?.seed;
            let name = run_name(experiment, Job { row: index, seed });
            let file = folder.path().join(format!("checkpoints/{name}.safetensors"));
            let network = Network::of_row(experiment, index, split, &file).ok()?;
            Some(Look { label: spec.label.clone(), seed, ..look(&network, lang) })
        })
        .collect()
}

fn look(network: &Network, lang: Lang) -> Look {
    let plan = network.plan();
    let mut look = Look::default();
    if let Some(node) = network.first_convolution() {
        let picture = filters(plan, network.params(), node.index);
        look.filters = picture.map(|p| (node.name.clone(), p.png()));
    }
    let Some(node) = network.last_image() else { return look };
    look.node.clone_from(&node.name);
    let names = network.class_names(lang);
    for index in 0..PICTURES {
        let Ok(shown) = network.example(index) else { break };
        let trace = network.trace(&shown.example);
        let said = trace.answer();
        let name = |class: usize| names.get(class).cloned().unwrap_or_else(|| class.to_string());
        let Some(picture) = gradcam(plan, &trace, node.index, said, &shown.picture) else { break };
        let truth = shown.class.map_or_else(String::new, |class| name(class as usize));
        look.maps.push(Map { said: name(said), truth, png: picture.png() });
    }
    look
}
