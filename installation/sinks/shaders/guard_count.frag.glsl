#version 330 core

// Transitions of what was emitted, cell by cell; calibration/guard_counts.py, `Turns` and `Follower`, is the reference.

uniform sampler2D emitted;    // cells of light and churn, just emitted
uniform sampler2D before;     // the same of the output before
uniform sampler2D follower;   // luminance, redness, -, -
uniform sampler2D mode;       // seconds behind, mode
uniform sampler2D first_ages; // of luminance: seconds since the newest four transitions
uniform sampler2D first_more; // the fifth; way, low, high
uniform sampler2D second_ages;  // the same of saturated red
uniform sampler2D second_more;  // the fifth; whether it is red
uniform bool begins;          // the first picture: nothing was before it
uniform float elapsed;        // real seconds
uniform float slewed;         // of white: how far the follower goes
uniform float needed;
uniform float needed_above;
uniform float first_age;
uniform float red_from;
uniform float red_bright;
uniform float red_until;
uniform float red_grey;

layout(location = 0) out vec4 next_first_ages;
layout(location = 1) out vec4 next_first_more;
layout(location = 2) out vec4 next_second_ages;
layout(location = 3) out vec4 next_second_more;
layout(location = 4) out vec4 next_follower;

const vec3 LUMA = vec3(0.2126, 0.7152, 0.0722);

bool is_red(vec3 light) {
    return light.r >= red_bright && (1.0 - red_from) * light.r - red_from * (light.g + light.b) >= 0.0;
}

bool is_not_red(vec3 light) {
    return (1.0 - red_until) * light.r - red_until * (light.g + light.b) <= red_grey * (3.0 * red_until - 1.0);
}

// The newest ages, and what is with the fifth, when so much time went by and perhaps one more came.
void aged(bool counts, inout vec4 ages, inout float fifth) {
    ages = min(ages + elapsed, first_age);
    fifth = min(fifth + elapsed, first_age);
    if (counts) {
        fifth = ages.w;
        ages = vec4(0.0, ages.xyz);
    }
}

void luminance_turns(float now, bool churns, inout vec4 ages, inout vec4 more) {
    float way = more.y, low = min(more.z, now), high = max(more.w, now);
    bool rises = way < 0.5 && now - low >= max(needed, low * needed_above);
    bool falls = way > -0.5 && high - now >= max(needed, now * needed_above);
    aged(rises || falls || churns, ages, more.x);
    more.yzw = rises || falls ? vec3(rises ? 1.0 : -1.0, now, now) : vec3(way, low, high);
}

void red_turns(vec3 light, inout vec4 ages, inout vec4 more) {
    bool red = more.y > 0.5, turned = red ? is_not_red(light) : is_red(light);
    aged(turned, ages, more.x);
    more.y = (red != turned) ? 1.0 : 0.0;
}

void main() {
    ivec2 cell = ivec2(gl_FragCoord.xy);
    vec4 seen = texelFetch(emitted, cell, 0);
    vec3 light = seen.rgb;
    float luminance = dot(light, LUMA);
    vec2 now = vec2(luminance, max(light.r - light.g - light.b, 0.0));
    if (begins) {
        next_first_ages = next_second_ages = vec4(first_age);
        next_first_more = vec4(first_age, 0.0, luminance, luminance);
        next_second_more = vec4(first_age, is_red(light) ? 1.0 : 0.0, 0.0, 0.0);
        next_follower = vec4(now, 0.0, 0.0);
        return;
    }
    bool churns = seen.a - abs(luminance - dot(texelFetch(before, cell, 0).rgb, LUMA)) >= needed;
    next_first_ages = texelFetch(first_ages, cell, 0);
    next_first_more = texelFetch(first_more, cell, 0);
    luminance_turns(luminance, churns, next_first_ages, next_first_more);
    next_second_ages = texelFetch(second_ages, cell, 0);
    next_second_more = texelFetch(second_more, cell, 0);
    red_turns(light, next_second_ages, next_second_more);
    vec2 known = texelFetch(follower, cell, 0).xy;
    next_follower = vec4(known + clamp(now - known, -slewed, slewed), texelFetch(mode, cell, 0).xy);
}
