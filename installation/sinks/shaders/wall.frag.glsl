#version 330 core

// The picture on the wall; installation/compose.py is the reference and holds the formula:
//
//     picture = gain * camera + offset + tint * dream
//
// Display and camera pixels are counted from the top left, with pixel centres at one half.  OpenGL counts rows from
// the bottom, pictures come top row first: the only flip is in the first line of main.

uniform vec2 display;         // size in pixels
uniform mat3 to_camera;       // display pixel -> camera pixel
uniform sampler2D camera;
uniform bool fits;            // one camera pixel is one display pixel: fetch it, so that no filter can touch its bits

uniform float gain;
uniform float offset;         // here in 0..1, not in levels
uniform mat3 tint;            // likewise

uniform int layers;           // 0, 1 or 2
uniform sampler2D field0;
uniform sampler2D grid0;
uniform float weight0;
uniform sampler2D field1;
uniform sampler2D grid1;
uniform float weight1;

uniform sampler2D hud;        // premultiplied alpha, laid over pixel by pixel
uniform ivec4 hud_box;        // left, top, width, height in display pixels; width 0: none

out vec4 colour;

// A residual carried to the shown frame: displaced by flow, and let go where the flow is not to be trusted.
vec3 carried(sampler2D field, sampler2D grid, float weight, vec2 uv) {
    vec3 way = texture(grid, uv).xyz;
    vec3 dream = texture(field, uv + way.xy).rgb * (way.z * weight);
    // one bad number of the network's must not punch a hole into the picture
    return any(isnan(dream)) || any(isinf(dream)) ? vec3(0.0) : dream;
}

void main() {
    vec2 pixel = vec2(gl_FragCoord.x, display.y - gl_FragCoord.y);
    vec2 place = (to_camera * vec3(pixel, 1.0)).xy;
    vec2 size = vec2(textureSize(camera, 0));
    vec3 picture = vec3(0.0);  // the bars beside a picture that does not cover the display
    if (all(greaterThan(place, vec2(0.0))) && all(lessThan(place, size))) {
        vec2 uv = place / size;
        vec3 base = fits ? texelFetch(camera, ivec2(place), 0).rgb : texture(camera, uv).rgb;
        vec3 dream = vec3(0.0);
        if (layers > 0) dream += carried(field0, grid0, weight0, uv);
        if (layers > 1) dream += carried(field1, grid1, weight1, uv);
        picture = clamp(gain * base + offset + tint * dream, 0.0, 1.0);
    }
    ivec2 here = ivec2(pixel) - hud_box.xy;
    if (all(greaterThanEqual(here, ivec2(0))) && all(lessThan(here, hud_box.zw))) {
        vec4 over = texelFetch(hud, here, 0);
        picture = over.rgb + picture * (1.0 - over.a);
    }
    colour = vec4(picture, 1.0);
}
