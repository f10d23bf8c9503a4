"""Writes small images in the formats and colour modes that people have, and expected.json: what Pillow sees in each of
them, on white. Run it with Pillow 12 in this folder to make them anew."""

import json
from PIL import Image, ImageOps

WIDTH, HEIGHT = 9, 7


def filled(mode, value):
    image = Image.new(mode, (WIDTH, HEIGHT))
    for y in range(HEIGHT):
        for x in range(WIDTH):
            image.putpixel((x, y), value(x, y))
    return image


colour = filled("RGB", lambda x, y: (x * 28, y * 36, (x + y) * 15))
alpha = filled("L", lambda x, y: x * 31)
clear = colour.convert("RGBA")
clear.putalpha(alpha)
grey_clear = colour.convert("LA")
grey_clear.putalpha(alpha)
deep = filled("I;16", lambda x, y: (x * 7200 + y * 300) % 65536)
few = colour.quantize(16)
see_through = colour.quantize(16)
see_through.info["transparency"] = 3
turned = Image.Exif()
turned[274] = 6

FILES = {
    "colour.png": (colour, {}), "grey.png": (colour.convert("L"), {}), "bits.png": (colour.convert("1"), {}),
    "palette.png": (few, {}), "palette-clear.png": (see_through, {}), "clear.png": (clear, {}),
    "grey-clear.png": (grey_clear, {}), "deep.png": (deep, {}),
    "colour.jpg": (colour, {"quality": 95}), "progressive.jpg": (colour, {"quality": 95, "progressive": True}),
    "grey.jpg": (colour.convert("L"), {"quality": 95}), "cmyk.jpg": (colour.convert("CMYK"), {"quality": 95}),
    "turned.jpg": (colour, {"quality": 95, "exif": turned}), "turned.png": (colour, {"exif": turned}),
    "turned.webp": (colour, {"lossless": True, "exif": turned}),
    "lossless.webp": (clear, {"lossless": True}), "lossy.webp": (clear, {"quality": 95}),
    "colour.bmp": (colour, {}), "palette.bmp": (few, {}), "bits.bmp": (colour.convert("1"), {}),
    "clear.gif": (see_through.convert("RGBA"), {}), "palette.gif": (few, {}),
    "moving.gif": (few, {"save_all": True, "append_images": [few.rotate(180)]}),
    "moving.webp": (colour, {"lossless": True, "save_all": True, "append_images": [colour.rotate(180)]}),
    "colour.tif": (colour, {}), "lzw.tif": (colour, {"compression": "tiff_lzw"}),
    "deflate.tif": (clear, {"compression": "tiff_adobe_deflate"}), "packed.tif": (few, {"compression": "packbits"}),
    "fax.tif": (colour.convert("1"), {"compression": "group4"}), "cmyk.tif": (colour.convert("CMYK"), {}),
    "jpeg.tif": (colour.convert("YCbCr"), {"compression": "jpeg", "quality": 95}), "palette.tif": (few, {}),
    "grey-clear.tif": (grey_clear, {}), "deep.tif": (deep, {}), "big.tif": (few, {"big_tiff": True}),
    "turned.tif": (colour, {"exif": turned}), "colour.ppm": (colour, {}), "grey.pgm": (colour.convert("L"), {}),
}


def seen(path):
    image = Image.open(path)
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda value: value / 257).convert("L")
    if image.mode in ("P", "PA", "LA", "RGBA") or "transparency" in image.info:
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255,) * 4), image.convert("RGBA"))
    return image.convert("RGB")


expected = {}
for name, (image, options) in FILES.items():
    image.save(name, **options)
    image = seen(name)
    expected[name] = {"width": image.width, "height": image.height, "pixels": image.tobytes().hex()}
json.dump(expected, open("expected.json", "w"), indent=1)
