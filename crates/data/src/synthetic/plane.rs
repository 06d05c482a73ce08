//! Points in the plane with a class.

use std::f64::consts::{PI, TAU};

use super::{Kind, Numbers};

/// A point of a class. Numbers 0 and 1 place it, 2 and 3 are its noise.
///
/// All kinds lie within about (-1, 1) in both coordinates, before the noise.
pub(super) fn example(kind: Kind, noise: f64, class: u32, numbers: Numbers) -> [f64; 2] {
    let (u, v) = (numbers.uniform(0), numbers.uniform(1));
    let [x, y] = match kind {
        Kind::Spirals { arms, turns } => spiral(arms, turns, class, u),
        Kind::Moons => moon(class, u),
        Kind::Circles { inner } => circle(inner, class, u),
        Kind::Xor => xor(class, u, v),
        Kind::Blobs { classes } => centre(classes, class),
        Kind::Checkerboard { squares } => square(squares, class, u, v),
        Kind::Sine { .. } | Kind::Step | Kind::Polynomial { .. } | Kind::Shapes | Kind::Friedman => {
            unreachable!("no points in the plane")
        }
    };
    [x + noise * numbers.normal(2), y + noise * numbers.normal(3)]
}

/// Archimedes' spiral, from radius 0.05 to 1. The square root makes the points
/// evenly dense along the arm.
fn spiral(arms: u32, turns: f64, class: u32, u: f64) -> [f64; 2] {
    let radius = 0.05 + 0.95 * u.sqrt();
    let angle = TAU * (turns * radius + f64::from(class) / f64::from(arms));
    [radius * libm::cos(angle), radius * libm::sin(angle)]
}

/// scikit-learn's moons (the second is flipped, one to the right and half up),
/// moved to the origin and scaled to width 2.
fn moon(class: u32, u: f64) -> [f64; 2] {
    let angle = PI * u;
    let (c, s) = (libm::cos(angle), libm::sin(angle));
    let [x, y] = if class == 0 { [c, s] } else { [1.0 - c, 0.5 - s] };
    [(x - 0.5) / 1.5, (y - 0.25) / 1.5]
}

/// Class 0 outside, class 1 inside.
fn circle(inner: f64, class: u32, u: f64) -> [f64; 2] {
    let radius = if class == 0 { 1.0 } else { inner };
    [radius * libm::cos(TAU * u), radius * libm::sin(TAU * u)]
}

/// Uniform in two opposite quadrants: class 1 where the signs differ.
fn xor(class: u32, u: f64, v: f64) -> [f64; 2] {
    let x = 2.0 * u - 1.0;
    // Uniform in (0, 1); it takes the sign that the class asks for.
    let same = class == 0;
    [x, if (x > 0.0) == same { v } else { -v }]
}

fn centre(classes: u32, class: u32) -> [f64; 2] {
    let angle = TAU * f64::from(class) / f64::from(classes);
    [libm::cos(angle), libm::sin(angle)]
}

/// Uniform over the squares of one colour. In each row every second square has
/// the colour; a row of odd length has one more of the colour of its ends.
fn square(squares: u32, class: u32, u: f64, v: f64) -> [f64; 2] {
    let colour_of_row = |row: u32| (squares + u32::from((row + class).is_multiple_of(2))) / 2;
    let total: u32 = (0..squares).map(colour_of_row).sum();
    let place = v * f64::from(total);
    let mut left = place as u32;
    let mut row = 0;
    while row + 1 < squares && left >= colour_of_row(row) {
        left -= colour_of_row(row);
        row += 1;
    }
    let col = 2 * left + (row + class) % 2;
    let side = 2.0 / f64::from(squares);
    // The whole part of `place` chose the square; its fraction is uniform in
    // (0, 1) again and places the point in the square.
    let down = place - place.floor();
    [(f64::from(col) + u) * side - 1.0, (f64::from(row) + down) * side - 1.0]
}
