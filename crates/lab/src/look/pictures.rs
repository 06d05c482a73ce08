//! Filters, activations and Grad-CAM as pictures.

use super::Trace;
use kobai_data::Image;
use kobai_engine::Plan;
use kobai_engine::layer::LayerKind;

/// Most filters or channels that are shown.
const MOST: usize = 64;
/// Most input channels of a deep filter that are shown.
const INPUTS: usize = 16;
/// Pixels between the cells of a sheet.
const GAP: usize = 2;
/// About how wide a cell becomes.
const CELL: usize = 48;

type Colour = [u8; 3];

/// A sheet of equal cells.
struct Sheet {
    image: Image,
    cell: [usize; 2],
    columns: usize,
    scale: usize,
}

impl Sheet {
    fn new(count: usize, columns: usize, cell: [usize; 2]) -> Sheet {
        let scale = (CELL / cell[1].max(1)).max(1);
        let rows = count.div_ceil(columns);
        let place = |n: usize, size: usize| n * (size * scale + GAP) + GAP;
        let (height, width) = (place(rows, cell[0]), place(columns, cell[1]));
        Sheet { image: Image { height, width, pixels: vec![255; height * width * 3] }, cell, columns, scale }
    }

    /// Paints a cell, each of its pixels as a square.
    fn paint(&mut self, index: usize, colour: impl Fn(usize, usize) -> Colour) {
        let ([h, w], s) = (self.cell, self.scale);
        let top = GAP + index / self.columns * (h * s + GAP);
        let left = GAP + index % self.columns * (w * s + GAP);
        for y in 0..h * s {
            for x in 0..w * s {
                let at = ((top + y) * self.image.width + left + x) * 3;
                self.image.pixels[at..at + 3].copy_from_slice(&colour(y / s, x / s));
            }
        }
    }
}

fn byte(x: f32) -> u8 {
    (x.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}

/// From dark blue over green to yellow as the value goes from 0 to 1: brightness
/// grows evenly, so that it also reads in grey.
fn warm(x: f32) -> Colour {
    const STOPS: [[f32; 3]; 5] = [
        [0.267, 0.005, 0.329],
        [0.229, 0.322, 0.546],
        [0.128, 0.567, 0.551],
        [0.369, 0.789, 0.383],
        [0.993, 0.906, 0.144],
    ];
    let x = if x.is_finite() { x.clamp(0.0, 1.0) } else { 0.0 } * 4.0;
    let i = (x as usize).min(3);
    let part = x - i as f32;
    [0, 1, 2].map(|c| byte(STOPS[i][c] + (STOPS[i + 1][c] - STOPS[i][c]) * part))
}

/// Blue below zero, white at zero, red above.
fn signed(x: f32) -> Colour {
    let fade = byte(1.0 - x.abs());
    if x >= 0.0 { [255, fade, fade] } else { [fade, fade, 255] }
}

/// The filters of a convolution, each scaled by its largest weight. Of colour
/// images: each filter as a small picture, where grey is zero. Else a row per
/// filter and a column per input channel (the first 16), red above zero and
/// blue below; filters of one channel in a square sheet.
///
/// None if the node is no convolution.
#[must_use]
pub fn filters(plan: &Plan, params: &[f32], node: usize) -> Option<Image> {
    let at = &plan.nodes[node];
    let Some(LayerKind::Conv2d(_)) = at.layer else { return None };
    let spec = &at.plan.params[0];
    // Memory is [out, height, width, in].
    let [out, inputs, h, w] = *spec.dims.as_slice() else { return None };
    let weights = &params[at.params.clone()][..spec.len()];
    let (size, shown) = (h * w * inputs, out.min(MOST));
    let largest = |filter: &[f32]| filter.iter().fold(f32::MIN_POSITIVE, |a, b| a.max(b.abs()));
    let filter = |f: usize| &weights[f * size..][..size];
    let square = (shown as f64).sqrt().ceil() as usize;
    if inputs == 3 {
        let mut sheet = Sheet::new(shown, square, [h, w]);
        for f in 0..shown {
            let (filter, most) = (filter(f), largest(filter(f)));
            sheet.paint(f, |y, x| [0, 1, 2].map(|c| byte(0.5 + 0.5 * filter[(y * w + x) * 3 + c] / most)));
        }
        return Some(sheet.image);
    }
    let (columns, per_filter) =
        if inputs == 1 { (square, 1) } else { (inputs.min(INPUTS), inputs.min(INPUTS)) };
    let mut sheet = Sheet::new(shown * per_filter, columns, [h, w]);
    for f in 0..shown {
        let (filter, most) = (filter(f), largest(filter(f)));
        for i in 0..per_filter {
            sheet.paint(f * per_filter + i, |y, x| signed(filter[(y * w + x) * inputs + i] / most));
        }
    }
    Some(sheet.image)
}

/// The channels of what a node gives (the first 64), from its smallest to its
/// largest value. None if it gives no image.
#[must_use]
pub fn activations(plan: &Plan, trace: &Trace<'_>, node: usize) -> Option<Image> {
    let [channels, h, w] = *plan.nodes[node].plan.output.dims() else { return None };
    let values = trace.value(node);
    if values.is_empty() {
        return None;
    }
    let (low, high) =
        values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, u), v| (l.min(*v), u.max(*v)));
    let span = (high - low).max(f32::MIN_POSITIVE);
    let shown = channels.min(MOST);
    let mut sheet = Sheet::new(shown, (shown as f64).sqrt().ceil() as usize, [h, w]);
    for c in 0..shown {
        sheet.paint(c, |y, x| warm((values[(y * w + x) * channels + c] - low) / span));
    }
    Some(sheet.image)
}

/// Grad-CAM (Selvaraju et al. 2017): each channel of a node is weighted by the
/// mean gradient of the class's logit over its positions; the positive part of
/// the sum, brought to the size of the picture, says where the evidence for the
/// class lies. The picture, the map and both on top of each other, side by side.
///
/// None if the node gives no image.
#[must_use]
pub fn gradcam(plan: &Plan, trace: &Trace<'_>, node: usize, class: usize, picture: &Image) -> Option<Image> {
    let map = map(plan, trace, node, class)?;
    let most = map.values.iter().fold(f32::MIN_POSITIVE, |a, b| a.max(*b));
    let grey: Vec<u8> = map.values.iter().flat_map(|v| [byte(v / most); 3]).collect();
    let small = Image { height: map.height, width: map.width, pixels: grey };
    // Small pictures are enlarged, so that there is something to see.
    let scale = (224 / picture.width.max(1)).max(1);
    let (height, width) = (picture.height * scale, picture.width * scale);
    let heat = small.resize(height, width).ok()?;
    let mut image = Image { height, width: 3 * width + 2 * GAP, pixels: Vec::new() };
    image.pixels = vec![255; image.height * image.width * 3];
    for y in 0..height {
        for x in 0..width {
            let old = &picture.pixels[(y / scale * picture.width + x / scale) * 3..][..3];
            let share = heat.pixels[(y * width + x) * 3];
            let colour = warm(f32::from(share) / 255.0);
            let both = [0, 1, 2].map(|c| ((u16::from(old[c]) + u16::from(colour[c])) / 2) as u8);
            for (part, value) in [[old[0], old[1], old[2]], colour, both].iter().enumerate() {
                let at = (y * image.width + part * (width + GAP) + x) * 3;
                image.pixels[at..at + 3].copy_from_slice(value);
            }
        }
    }
    Some(image)
}

/// Positive evidence by position.
struct Map {
    height: usize,
    width: usize,
    values: Vec<f32>,
}

fn map(plan: &Plan, trace: &Trace<'_>, node: usize, class: usize) -> Option<Map> {
    let [channels, height, width] = *plan.nodes[node].plan.output.dims() else { return None };
    let values = trace.value(node);
    if values.is_empty() {
        return None;
    }
    let mut weights = vec![0.0f32; channels];
    for (i, g) in trace.gradient(class, node).iter().enumerate() {
        weights[i % channels] += g;
    }
    let evidence = |pixel: &[f32]| pixel.iter().zip(&weights).map(|(a, w)| a * w).sum::<f32>().max(0.0);
    Some(Map { height, width, values: values.chunks_exact(channels).map(evidence).collect() })
}

#[cfg(test)]
mod tests {
    use super::{activations, filters, gradcam, map, signed, warm};
    use crate::look::Trace;
    use kobai_data::Image;
    use kobai_engine::layers::{Activation, Conv2d};
    use kobai_engine::{Graph, Loss, Plan, PlanOptions};

    #[test]
    fn colours_have_fixed_ends() {
        assert_eq!((warm(0.0), warm(1.0)), ([68, 1, 84], [253, 231, 37]));
        assert_eq!((signed(0.0), signed(1.0), signed(-1.0)), ([255; 3], [255, 0, 0], [0, 0, 255]));
    }

    /// A network whose answer is known: class 1 is the sum of a 1×1 filter of the
    /// red channel, so its evidence lies where the picture is red.
    #[test]
    fn gradcam_finds_what_decides() {
        let mut g = Graph::new([3, 4, 4].into());
        let x = g.conv2d("conv", g.input(), Conv2d::new(1, 1));
        let x = g.activation("relu", x, Activation::Relu);
        let x = g.global_avg_pool("pool", x);
        let x = g.flatten("flatten", x);
        let x = g.linear("fc", x, 2);
        g.output(x, Loss::CrossEntropy);
        let plan = Plan::new(&g, &PlanOptions::batch(1)).unwrap();
        // conv: red only; fc: class 0 is minus it, class 1 plus it.
        let params = [1.0, 0.0, 0.0, 0.0, -1.0, 1.0, 0.0, 0.0];
        let mut example = vec![0.0; 48];
        example[3 * 5] = 1.0;
        let trace = Trace::new(&plan, &params, &[], &example);
        let relu = plan.nodes.iter().position(|n| n.name == "relu").unwrap();
        let found = map(&plan, &trace, relu, 1).unwrap();
        let expected: Vec<f32> = (0..16).map(|i| if i == 5 { 1.0 } else { 0.0 }).collect();
        assert_eq!((found.height, found.width, found.values), (4, 4, expected));
        assert!(map(&plan, &trace, relu, 0).unwrap().values.iter().all(|v| *v == 0.0), "against class 0");
        let picture = Image { height: 4, width: 4, pixels: vec![100; 48] };
        let image = gradcam(&plan, &trace, relu, 1, &picture).unwrap();
        assert_eq!((image.height, image.width), (224, 3 * 224 + 4));
        // Bright at the red pixel (1, 1), dark in the far corner.
        let heat = |y: usize, x: usize| &image.pixels[(y * image.width + 226 + x) * 3..][..3];
        assert!(heat(84, 84)[0] > 200, "yellow: {:?}", heat(84, 84));
        assert_eq!(heat(220, 220), warm(0.0));
        assert_eq!(filters(&plan, &params, 1).unwrap().height, 52);
        assert!(filters(&plan, &params, relu).is_none());
        assert!(
            activations(&plan, &trace, relu).is_some() && activations(&plan, &trace, plan.output).is_none()
        );
    }
}
