//! The recorder and the doctor at one run.

use crate::doctor::Live;
use crate::watch::Recorder;
use kobai_engine::{Event, Observer, Wants};

/// Two observers of one run; each hears only of the steps that it wants.
pub(super) struct Both<'a> {
    pub(super) recorder: Option<&'a mut Recorder>,
    pub(super) live: Option<&'a mut Live>,
}

impl Observer<f32> for Both<'_> {
    fn wants(&self, step: u64) -> Wants {
        let (a, b) =
            (self.recorder.as_ref().map(|r| r.wants(step)), self.live.as_ref().map(|l| l.wants(step)));
        let (a, b) = (a.unwrap_or(Wants::NOTHING), b.unwrap_or(Wants::NOTHING));
        Wants {
            forward: a.forward || b.forward,
            backward: a.backward || b.backward,
            updated: a.updated || b.updated,
        }
    }

    fn event(&mut self, event: &Event<'_, f32>) {
        let step = match event {
            Event::Forward { step, .. } | Event::Backward { step, .. } | Event::Updated { step, .. } => {
                Some(*step)
            }
            _ => None,
        };
        let wanted = |wants: &dyn Fn(u64) -> Wants| step.is_none_or(|s| wants(s) != Wants::NOTHING);
        if let Some(recorder) = &mut self.recorder
            && wanted(&|s| recorder.wants(s))
        {
            recorder.event(event);
        }
        if let Some(live) = &mut self.live
            && wanted(&|s| live.wants(s))
        {
            live.event(event);
        }
    }
}
