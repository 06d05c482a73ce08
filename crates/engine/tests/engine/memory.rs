//! The planner and the allocator: buffers that are alive together never touch,
//! and nothing is allocated once training has begun.

use crate::common::{Batch, networks, ops, random};
use kobai_engine::optim::{Clip, Optimizer, Penalty, Updater, Updates};
use kobai_engine::plan::{Program, SlotId, Step};
use kobai_engine::{Executor, Loss, Plan, PlanOptions, Unobserved};
use kobai_kernels::Pool;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// What is wrong with a program's memory, judged from its steps alone.
fn fault(program: &Program, batch: usize) -> Option<String> {
    let slots = &program.slots;
    let place = |i: usize| slots[i].offset..slots[i].offset + slots[i].extent.len(batch);
    for (at, step) in program.steps.iter().enumerate() {
        for slot in step.slots() {
            if !slots[slot.0].live.contains(&at) {
                return Some(format!("step {at} uses slot {} outside its life", slot.0));
            }
        }
    }
    for a in 0..slots.len() {
        if place(a).end > program.arena {
            return Some(format!("slot {a} ends outside the arena"));
        }
        for b in 0..a {
            let (la, lb) = (&slots[a].live, &slots[b].live);
            let together = la.start < lb.end && lb.start < la.end;
            let (pa, pb) = (place(a), place(b));
            if together && pa.start < pb.end && pb.start < pa.end {
                return Some(format!("slots {b} and {a} overlap: {pb:?} and {pa:?}"));
            }
        }
    }
    if program.arena > program.unshared {
        return Some("sharing made the arena larger".into());
    }
    // What is read after the last step must still be alive.
    let last = program.steps.len();
    (!slots[program.output.0].live.contains(&last)).then(|| "the output does not outlive the steps".into())
}

/// A slot is written before it is read. The batch is there from the start.
fn unwritten(program: &Program) -> Option<SlotId> {
    let mut written = vec![program.input];
    for step in &program.steps {
        let (reads, writes): (Vec<SlotId>, Vec<SlotId>) = match step {
            Step::Forward(s) => {
                let writes = [s.output].into_iter().chain(s.saved).chain(s.scratch).collect();
                (s.inputs.clone(), writes)
            }
            Step::Loss(s) => (vec![s.output], s.grad.into_iter().collect()),
            Step::Backward(s) => {
                let reads = s.inputs.iter().copied().chain(s.output).chain([s.grad_output]).chain(s.saved);
                (reads.collect(), s.grad_inputs.iter().flatten().copied().collect())
            }
            Step::Accumulate { from, to } => (vec![*from, *to], vec![*to]),
        };
        if let Some(slot) = reads.into_iter().find(|r| !written.contains(r)) {
            return Some(slot);
        }
        written.extend(writes);
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256, rng_seed: RngSeed::Fixed(11), failure_persistence: None, ..Default::default()
    })]

    #[test]
    fn buffers_that_live_together_do_not_touch(
        ops in ops(), image: bool, batch in 2usize..40, eval_batch in 1usize..40
    ) {
        let graph = random(&ops, image, Loss::CrossEntropy);
        for share_memory in [true, false] {
            let options = PlanOptions { eval_batch, share_memory, ..PlanOptions::batch(batch) };
            let plan = Plan::new(&graph, &options).expect("a right network");
            for (program, n) in [(&plan.train, batch), (&plan.eval, eval_batch)] {
                prop_assert_eq!(fault(program, n), None);
                prop_assert_eq!(unwritten(program), None);
                if !share_memory {
                    prop_assert_eq!(program.arena, program.unshared);
                }
            }
            // The batch that was trained on can be read after the step.
            let input = &plan.train.slots[plan.train.input.0];
            prop_assert!(input.live.contains(&plan.train.steps.len()));
        }
    }
}

/// The checks above find what they are for.
#[test]
fn a_wrong_place_is_found() {
    let (_, graph) = &networks()[1];
    let plan = Plan::new(graph, &PlanOptions::batch(9)).unwrap();
    assert!(plan.train.arena < plan.train.unshared, "sharing saves something");
    let mut found = 0;
    for slot in 0..plan.train.slots.len() {
        let mut wrong = plan.train.clone();
        wrong.slots[slot].offset = wrong.slots[(slot + 1) % wrong.slots.len()].offset;
        found += usize::from(fault(&wrong, 9).is_some());
    }
    assert!(found >= plan.train.slots.len() / 2, "{found} of {}", plan.train.slots.len());
    let mut wrong = plan.train;
    wrong.steps.remove(0);
    assert!(unwritten(&wrong).is_some());
}

/// Counted on the calling thread, which takes part in every loop; alone it
/// runs every task of it. Beside others it may be late for all tasks of a kind, and get the
/// buffer that these want in a later step: such a buffer comes once.
#[test]
fn nothing_is_allocated_after_the_first_step() {
    for threads in [1, 3] {
        for (name, graph) in networks() {
            let plan = Plan::new(&graph, &PlanOptions::batch(40)).unwrap();
            let updates = Updates {
                penalty: Penalty::L1(1e-4),
                clip: Clip::Norm(1.0),
                ..Updates::new(Optimizer::Adam { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8 })
            };
            let mut updater = Updater::new(&plan, updates);
            let mut exec = Executor::<f32>::new(plan.into(), 0, Pool::new(threads).into());
            let batch = Batch::<f32>::new(exec.plan(), 40, 0);
            let mut step = || {
                exec.train_input(40).copy_from_slice(&batch.x);
                exec.train_step(40, batch.targets(), &mut updater, &mut Unobserved);
                exec.eval_input(40).copy_from_slice(&batch.x);
                exec.evaluate(40, batch.targets());
            };
            step();
            let mut rounds = (0..if threads == 1 { 1 } else { 20 })
                .map(|_| allocation_counter::measure(|| (0..3).for_each(|_| step())).count_total);
            assert!(rounds.any(|count| count == 0), "{name}, {threads} threads: every step allocates");
        }
    }
    assert_eq!(
        allocation_counter::measure(|| drop(std::hint::black_box(vec![1, 2, 3]))).count_total,
        1,
        "the counter counts"
    );
}
