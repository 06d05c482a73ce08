//! Pictures in colour: a shape with a pattern, in front of clutter.
//!
//! Class = shape + 5 × pattern. Place, size, rotation and all colours are
//! random, so no single pixel says anything: what a linear model learns is
//! little, and a convolution's small, movable patterns are the right thing.
//!
//! A picture is drawn back to front: a background between two colours, plain
//! bars and discs that distract, the shape, a last small distractor that may
//! hide a part of it, then light from one side and noise on every value.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use kobai_engine::Draw;
use kobai_kernels::philox::philox4x32;

/// Height and width.
pub const SIDE: usize = 32;
/// Number of classes.
pub const CLASSES: usize = 10;
/// The most examples of one part: their pictures take 3 GB.
pub(super) const MAX_PICTURES: u32 = 1_000_000;

/// Values of a picture.
pub(super) const VALUES: usize = SIDE * SIDE * 3;
/// Random words that one picture may read. Part of the numbers contract.
const WORDS: u64 = 2048;
/// The first of them are for the scene: 256 uniform numbers of two words.
const SCENE: u64 = 512;
/// Standard deviation of the sum of two random bytes: √(2 (256² - 1) / 12).
const TWO_BYTES: f64 = 104.510_77;

type Colour = [f64; 3];

/// Uniform numbers of one picture, one after the other.
struct Dice {
    draw: Draw,
    next: u64,
}

impl Dice {
    fn between(&mut self, least: f64, most: f64) -> f64 {
        self.next += 1;
        least + (most - least) * self.draw.uniform(self.next - 1)
    }

    fn colour(&mut self) -> Colour {
        [(); 3].map(|()| self.between(0.05, 0.95))
    }

    fn angle(&mut self) -> [f64; 2] {
        let angle = self.between(0.0, TAU);
        [libm::cos(angle), libm::sin(angle)]
    }
}

/// A figure at a place, turned.
struct Figure {
    centre: [f64; 2],
    turn: [f64; 2],
    /// Radius in pixels.
    size: f64,
    form: Form,
}

#[derive(Clone, Copy)]
enum Form {
    Disc,
    Square,
    Triangle,
    Star,
    Cross,
    Bar,
}

const FORMS: [Form; 5] = [Form::Disc, Form::Square, Form::Triangle, Form::Star, Form::Cross];

/// Directions at thirds and fifths of a turn: sine and cosine.
const THREE: [[f64; 2]; 3] = [[0.0, 1.0], [0.866_025_403_784_438_6, -0.5], [-0.866_025_403_784_438_6, -0.5]];
const FIVE: [[f64; 2]; 5] = [
    [0.0, 1.0],
    [0.951_056_516_295_153_5, 0.309_016_994_374_947_4],
    [0.587_785_252_292_473_1, -0.809_016_994_374_947_4],
    [-0.587_785_252_292_473_1, -0.809_016_994_374_947_4],
    [-0.951_056_516_295_153_5, 0.309_016_994_374_947_4],
];

/// Two colours in stripes or dots.
struct Pattern {
    dots: bool,
    turn: [f64; 2],
    /// Radians per pixel.
    pitch: f64,
    phase: [f64; 2],
    colours: [Colour; 2],
}

fn turned([c, s]: [f64; 2], [x, y]: [f64; 2]) -> [f64; 2] {
    [c * x + s * y, c * y - s * x]
}

fn mix(a: Colour, b: Colour, share: f64) -> Colour {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * share)
}

impl Figure {
    /// How much of a pixel it covers: from the distance to its edge.
    fn cover(&self, x: f64, y: f64) -> f64 {
        let [dx, dy] = [x - self.centre[0], y - self.centre[1]];
        let reach = 1.3 * self.size + 1.0;
        if dx * dx + dy * dy > reach * reach {
            return 0.0;
        }
        let [u, v] = turned(self.turn, [dx / self.size, dy / self.size]);
        (0.5 - self.form.outside(u, v) * self.size).clamp(0.0, 1.0)
    }
}

impl Form {
    /// Distance to the edge, negative inside, of a form of about radius 1; near
    /// corners only roughly so.
    fn outside(self, u: f64, v: f64) -> f64 {
        // The distance beyond the line that is `far` from the origin.
        let beyond = |normal: &[f64; 2], far: f64| u * normal[0] + v * normal[1] - far;
        match self {
            Form::Disc => (u * u + v * v).sqrt() - 0.95,
            Form::Square => u.abs().max(v.abs()) - 0.82,
            Form::Triangle => THREE.iter().map(|n| beyond(n, 0.58)).fold(f64::MIN, f64::max),
            Form::Star => {
                // Inside all but at most one of five lines.
                let (mut most, mut second) = (f64::MIN, f64::MIN);
                for normal in &FIVE {
                    let d = beyond(normal, 0.4);
                    second = second.max(d.min(most));
                    most = most.max(d);
                }
                second
            }
            Form::Cross => (u.abs() - 0.36).max(v.abs() - 1.05).min((v.abs() - 0.36).max(u.abs() - 1.05)),
            Form::Bar => (u.abs() - 1.0).max(v.abs() - 0.3),
        }
    }
}

impl Pattern {
    fn colour(&self, x: f64, y: f64) -> Colour {
        let [u, v] = turned(self.turn, [x * self.pitch, y * self.pitch]);
        let wave = if self.dots {
            // Dots where two waves meet; a third of the area.
            libm::sin(u + self.phase[0]) + libm::sin(v + self.phase[1]) - 0.5
        } else {
            libm::sin(u + self.phase[0])
        };
        mix(self.colours[0], self.colours[1], (0.5 + 1.2 * wave).clamp(0.0, 1.0))
    }
}

/// Two colours that differ clearly in brightness, in random order.
fn contrast(dice: &mut Dice) -> [Colour; 2] {
    let dark = [(); 3].map(|()| dice.between(0.0, 0.45));
    let step = dice.between(0.35, 0.55);
    let light = dark.map(|v| v + step);
    if dice.between(0.0, 1.0) < 0.5 { [dark, light] } else { [light, dark] }
}

/// Something that distracts, of a form that no class has in that size.
fn distractor(dice: &mut Dice, size: f64) -> (Figure, Colour) {
    let form = if dice.between(0.0, 1.0) < 0.6 { Form::Bar } else { Form::Disc };
    let side = SIDE as f64;
    let centre = [dice.between(0.0, side), dice.between(0.0, side)];
    let size = if matches!(form, Form::Bar) { 1.6 * size } else { 0.8 * size };
    (Figure { centre, turn: dice.angle(), size, form }, dice.colour())
}

/// Draws picture `i` of a class into `out`, row after row, colours of a pixel
/// side by side.
pub(super) fn picture(draw: Draw, i: u64, class: u32, noise: f64, out: &mut [u8]) {
    debug_assert_eq!(out.len(), VALUES);
    let mut dice = Dice { draw, next: i * WORDS / 2 };
    let ground = [dice.colour(), dice.colour()];
    let slope = dice.angle();
    let behind: [_; 3] = std::array::from_fn(|_| {
        let size = dice.between(2.0, 5.0);
        distractor(&mut dice, size)
    });
    let middle = SIDE as f64 / 2.0;
    let size = dice.between(8.5, 12.0);
    let play = middle - size - 0.5;
    let centre = [middle + dice.between(-play, play), middle + dice.between(-play, play)];
    let figure = Figure { centre, turn: dice.angle(), size, form: FORMS[class as usize % FORMS.len()] };
    let pattern = Pattern {
        dots: class as usize >= FORMS.len(),
        turn: dice.angle(),
        pitch: TAU / dice.between(4.0, 5.5),
        phase: [dice.between(-PI, PI), dice.between(-PI, PI)],
        colours: contrast(&mut dice),
    };
    let size = dice.between(1.5, 2.5);
    let before = distractor(&mut dice, size);
    let (light, strength) = (dice.angle(), dice.between(0.0, 0.25));
    debug_assert!(dice.next <= i * WORDS / 2 + SCENE / 2);

    // Three blocks of random words for eight pixels: two bytes for each value.
    let (key, tail) = draw.key_and_tail();
    let first_block = (i * WORDS + SCENE) / 4;
    let mut grains = [0u8; 48];
    for (place, value) in out.chunks_exact_mut(3).enumerate() {
        if place % 8 == 0 {
            for (k, bytes) in grains.chunks_exact_mut(16).enumerate() {
                let block = first_block + place as u64 / 8 * 3 + k as u64;
                let words = philox4x32([block as u32, tail[0], tail[1], tail[2]], key);
                for (bytes, word) in bytes.chunks_exact_mut(4).zip(words) {
                    bytes.copy_from_slice(&word.to_le_bytes());
                }
            }
        }
        let (x, y) = ((place % SIDE) as f64 + 0.5, (place / SIDE) as f64 + 0.5);
        // From -1 to 1 across the picture.
        let along = |[c, s]: [f64; 2]| ((x - middle) * c + (y - middle) * s) / (middle * FRAC_PI_2);
        let mut colour = mix(ground[0], ground[1], 0.5 + 0.5 * along(slope));
        for (figure, paint) in &behind {
            colour = mix(colour, *paint, figure.cover(x, y));
        }
        let cover = figure.cover(x, y);
        if cover > 0.0 {
            colour = mix(colour, pattern.colour(x, y), cover);
        }
        colour = mix(colour, before.1, before.0.cover(x, y));
        let grains = &grains[place % 8 * 6..][..6];
        for (c, value) in value.iter_mut().enumerate() {
            let pair = f64::from(grains[2 * c]) + f64::from(grains[2 * c + 1]);
            let grain = (pair - 255.0) / TWO_BYTES * noise;
            let lit = colour[c] * (1.0 + strength * along(light)) + grain;
            *value = (lit * 255.0 + 0.5).clamp(0.0, 255.0) as u8;
        }
    }
}
