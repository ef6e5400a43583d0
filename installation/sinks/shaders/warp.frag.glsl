#version 330 core

// The picture laid on the wall the way its projector needs it; calibration/warp.py is the reference and makes the two
// lookups, calibration/geometry.py the reference for magnifier and overlay.
//
// The four pixels around a place are fetched and mixed here: the filter of a graphics card knows only 256 places
// between two pixels, which shows on sharp edges.

uniform ivec2 display;        // size in pixels
uniform sampler2D picture;
uniform bool drawn;           // by OpenGL, bottom row first; otherwise it was sent, top row first
uniform sampler2D places;     // for each display pixel, top row first: the place in the picture that it shows
uniform sampler2D light;      // likewise: how much of it comes through

uniform sampler2D overlay;    // premultiplied alpha, laid over pixel by pixel
uniform bool overlaid;
uniform ivec3 magnifier_box;       // left, top, side in display pixels; side 0: none
uniform ivec2 magnifier_centre;
uniform int magnifier_zoom;

out vec4 colour;

vec3 fetched(ivec2 at, ivec2 size) {
    at = min(at, size - 1);
    return texelFetch(picture, drawn ? ivec2(at.x, size.y - 1 - at.y) : at, 0).rgb;
}

vec3 warped(ivec2 pixel) {
    ivec2 size = textureSize(picture, 0);
    vec2 place = clamp(texelFetch(places, pixel, 0).xy - 0.5, vec2(0.0), vec2(size - 1));
    ivec2 at = ivec2(place);
    vec2 share = place - vec2(at);
    vec3 above = mix(fetched(at, size), fetched(at + ivec2(1, 0), size), share.x);
    vec3 below = mix(fetched(at + ivec2(0, 1), size), fetched(at + ivec2(1, 1), size), share.x);
    return mix(above, below, share.y) * texelFetch(light, pixel, 0).r;
}

void main() {
    ivec2 pixel = ivec2(int(gl_FragCoord.x), display.y - 1 - int(gl_FragCoord.y));
    ivec2 seen = pixel;
    ivec2 within = pixel - magnifier_box.xy;
    if (all(greaterThanEqual(within, ivec2(0))) && all(lessThan(within, magnifier_box.zz))) {
        vec2 steps = vec2(within - magnifier_box.z / 2 + magnifier_zoom / 2) / float(magnifier_zoom);
        seen = magnifier_centre + ivec2(floor(steps));
    }
    bool beyond = any(lessThan(seen, ivec2(0))) || any(greaterThanEqual(seen, display));
    vec3 shown = beyond ? vec3(0.0) : warped(seen);
    if (overlaid) {
        vec4 over = texelFetch(overlay, pixel, 0);
        shown = over.rgb + shown * (1.0 - over.a);
    }
    colour = vec4(shown, 1.0);
}
