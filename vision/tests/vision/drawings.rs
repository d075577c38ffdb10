//! The content of an SVG drawing besides its outlines: structure, style, colours, the embedded picture.

use jpeg_encoder::{ColorType, Encoder};
use resvg::usvg::roxmltree::Document;
use vision::Picture;
use vision::contour::{ContourRequest, Contours, DEFAULT_LEAST_AREA, Position, Style, draw};

use crate::setup::LIMITS;
use crate::shapes::{map, render, rgb};

const LEVEL_EYES: [Position; 2] = [Position::new(10.0, 30.0), Position::new(50.0, 30.0)];

#[test]
fn drawing_has_a_path_for_every_region() {
    let contours = drawn(Style::default());
    let document = Document::parse(&contours.svg).unwrap();
    assert_eq!(document.root_element().attribute("viewBox"), Some("0 0 80 60"));
    let paths: Vec<_> = document.descendants().filter(|node| node.has_tag_name("path")).collect();
    let said: Vec<_> =
        paths.iter().map(|path| (path.attribute("id"), path.attribute("data-label"))).collect();
    assert_eq!(said, [(Some("region-5"), Some("5")), (Some("region-66051"), Some("66051"))]);
    for (path, region) in paths.iter().zip(&contours.regions) {
        assert_eq!(path.attribute("fill-rule"), Some("evenodd"));
        assert_eq!(path.attribute("fill"), Some(region.color.as_str()));
        let title = path.first_element_child().unwrap();
        assert_eq!(
            (title.tag_name().name(), title.text()),
            ("title", Some(&*format!("Region {}", region.label)))
        );
        assert_eq!(path.attribute("d").unwrap().matches('M').count(), region.polygons.len());
    }
}

#[test]
fn style_is_applied_to_the_drawing() {
    let group = |style: Style| {
        let svg = drawn(style).svg;
        let document = Document::parse(&svg).unwrap();
        let group = document.descendants().find(|node| node.has_tag_name("g")).unwrap();
        let attributes = ["fill-opacity", "stroke-width", "stroke-dasharray"];
        let stroke = group.first_element_child().unwrap().attribute("stroke").unwrap().to_owned();
        (attributes.map(|name| group.attribute(name).map(str::to_owned)), stroke)
    };
    let (attributes, stroke) = group(Style::default());
    assert_eq!(attributes, [Some("0.25".to_owned()), Some("2".to_owned()), None]);
    assert_eq!(stroke, "#e69f00");
    let (attributes, _) = group(Style { is_dashed: true, stroke_width: 1.5, ..Style::default() });
    assert_eq!(attributes[2], Some("6 4.5".to_owned()));
    let (_, stroke) = group(Style { stroke_width: 0.0, ..Style::default() });
    assert_eq!(stroke, "none");
}

#[test]
fn embedded_picture_is_levelled_with_the_outlines() {
    let picture = Picture::decode(&red_above_blue(3840, 40), &LIMITS).unwrap();
    assert_eq!((picture.width(), picture.original_width()), (1920, 3840));
    let landmarks = &[Position::new(1000.0, 5.0), Position::new(1000.0, 35.0)];
    let style = Style { fill_opacity: 0.0, stroke_width: 0.0, ..Style::default() };
    let request =
        ContourRequest { width: 3840, height: 40, landmarks, style, least_area: DEFAULT_LEAST_AREA };
    let map = map(3840, 40, |x, _| u32::from(x > 100));

    let bare = render(&draw(&request, &map, None).unwrap());
    assert_eq!((bare.width(), bare.height(), bare.pixel(10, 10).unwrap().alpha()), (40, 3840, 0));
    let embedded = render(&draw(&request, &map, Some(&picture)).unwrap());
    for y in [10, 2000, 3830] {
        let [left, right] = [10, 30].map(|x| embedded.pixel(x, y).unwrap());
        assert!(left.red() > 180 && left.blue() < 60, "{left:?} at {y}");
        assert!(right.red() < 60 && right.blue() > 180, "{right:?} at {y}");
    }
}

#[test]
fn colours_are_distinguishable_with_every_kind_of_colour_blindness() {
    let stripes = map(64 * 8, 64, |x, _| x / 8 + 1);
    let request = ContourRequest {
        width: 64 * 8,
        height: 64,
        landmarks: &LEVEL_EYES,
        style: Style::default(),
        least_area: DEFAULT_LEAST_AREA,
    };
    let contours = draw(&request, &stripes, None).unwrap();
    let colours: Vec<_> = contours.regions.iter().map(|region| rgb(&region.color)).collect();
    assert_eq!(colours.len(), 64);
    let least_difference = |colours: &[[u8; 3]]| {
        let pairs = colours
            .iter()
            .enumerate()
            .flat_map(|(index, one)| colours[..index].iter().map(move |other| (one, other)));
        pairs.map(|(one, other)| seen_difference(*one, *other)).fold(f64::INFINITY, f64::min)
    };
    assert!(least_difference(&colours[..20]) >= 16.0, "{}", least_difference(&colours[..20]));
    assert!(least_difference(&colours) >= 8.9, "{}", least_difference(&colours));
}

/// The minimum difference of two colours in CIE Lab over all observers: with normal vision, or without red, green or
/// blue cones.
fn seen_difference(one: [u8; 3], other: [u8; 3]) -> f64 {
    let differences = VISIONS.iter().map(|vision| {
        let [one, other] = [one, other].map(|colour| lab(product(vision, colour.map(linear))));
        one.iter().zip(other).map(|(one, other)| (one - other).powi(2)).sum::<f64>().sqrt()
    });
    differences.fold(f64::INFINITY, f64::min)
}

/// Linear RGB with normal vision, and without red, green and blue cones. Source: Machado et al. 2009, severity 1.
const VISIONS: [[[f64; 3]; 3]; 4] = [
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    [
        [0.152_286, 1.052_583, -0.204_868],
        [0.114_503, 0.786_281, 0.099_216],
        [-0.003_882, -0.048_116, 1.051_998],
    ],
    [
        [0.367_322, 0.860_646, -0.227_968],
        [0.280_085, 0.672_501, 0.047_413],
        [-0.011_820, 0.042_940, 0.968_881],
    ],
    [
        [1.255_528, -0.076_749, -0.178_779],
        [-0.078_411, 0.930_809, 0.147_602],
        [0.004_733, 0.691_367, 0.303_900],
    ],
];
/// Linear RGB to XYZ over the white point D65.
const XYZ: [[f64; 3]; 3] =
    [[0.433_891, 0.376_235, 0.189_906], [0.212_673, 0.715_152, 0.072_175], [0.017_757, 0.109_476, 0.872_767]];

fn linear(channel: u8) -> f64 {
    let share = f64::from(channel) / 255.0;
    if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
}

fn lab(rgb: [f64; 3]) -> [f64; 3] {
    let curve = |share: f64| if share > 0.008_856 { share.cbrt() } else { share * 7.787 + 16.0 / 116.0 };
    let [x, y, z] = product(&XYZ, rgb.map(|channel| channel.clamp(0.0, 1.0))).map(curve);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn product(matrix: &[[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row.iter().zip(vector).map(|(factor, value)| factor * value).sum())
}

/// A JPEG file.
fn red_above_blue(width: u16, height: u16) -> Vec<u8> {
    let row = |y: u16| if y < height / 2 { [220, 20, 20] } else { [20, 20, 220] }.repeat(width.into());
    let pixels: Vec<u8> = (0..height).flat_map(row).collect();
    let mut file = Vec::new();
    Encoder::new(&mut file, 95).encode(&pixels, width, height, ColorType::Rgb).unwrap();
    file
}

fn drawn(style: Style) -> Contours {
    let map = map(80, 60, |x, y| match (x, y) {
        (10..30, 10..50) => 5,
        (30..60, 10..50) => 0x01_0203,
        _ => 0,
    });
    let request = ContourRequest {
        width: 80,
        height: 60,
        landmarks: &LEVEL_EYES,
        style,
        least_area: DEFAULT_LEAST_AREA,
    };
    draw(&request, &map, None).unwrap()
}
