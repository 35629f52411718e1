#!/bin/sh
# Makes the test clips: raw Annex B H.264, without B-frames, closed GOPs, no SEI, no AUD; parameter sets before every IDR.
# Then short ones in other codecs: H.265 and AV1 like that, and the beep of the simulated cameras in Opus and G.722.
# Needs ffmpeg with libx264, libx265, libaom and libopus, and the DejaVu fonts (Debian: ffmpeg, fonts-dejavu-core). Run it by
# hand; the output is committed.
#
# Every picture shows its frame number, counted from 0, twice:
#   - as text, at the bottom left;
#   - as a bar code that a program can read: 16 blocks of 40x40 pixels in one row, block i covering
#     x = 40*i .. 40*i+39, y = 0 .. 39. White is 1, black is 0, the most significant bit is at the left.
#     Sample the middle of a block, (40*i + 20, 20), and take luma above 128 as 1.
# In low180p all of this has half the size.
set -eu
cd "$(dirname "$0")"
font=/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf

# encode NAME SOURCE FPS FRAMES ENCODER-OPTIONS
encode() {
    name=$1 source=$2 fps=$3 frames=$4
    shift 4
    ffmpeg -v error -y \
        -f lavfi -i "$source" \
        -f lavfi -i "color=black:s=640x40:r=$fps" \
        -filter_complex "
            [0:v]format=yuv420p[picture];
            [1:v]format=yuv420p,geq=lum='if(mod(floor(N/pow(2,15-floor(X/40))),2),235,16)':cb=128:cr=128[bars];
            [picture][bars]overlay=0:0,
            drawtext=fontfile=$font:text='$name %{frame_num}':fontsize=36:fontcolor=white:box=1:boxcolor=black:boxborderw=8:x=24:y=h-64[out]" \
        -map '[out]' -frames:v "$frames" -r "$fps" -pix_fmt yuv420p \
        "$@"
}

# clip NAME SOURCE FPS FRAMES GOP PROFILE KBPS X264-PARAMETERS [SIZE]
clip() {
    encode "$1" "$2" "$3" "$4" \
        -c:v libx264 -profile:v "$6" -preset slower -threads 1 -b:v "$7k" -maxrate "$7k" -bufsize "$(($7 * 2))k" \
        -x264-params "keyint=$5:min-keyint=$5:scenecut=0:open-gop=0:bframes=0:aud=0:$8" \
        -bsf:v filter_units=remove_types=6 ${9:+-s "$9"} -f h264 "$1.h264"
}

clip main720p "testsrc2=s=1280x720:r=25" \
    25 200 50 main 900 ref=2
clip baseline360p "gradients=s=640x360:r=25:nb_colors=4:c0=orange:c1=indigo:c2=lightyellow:c3=teal:x0=0:y0=0:x1=640:y1=360:seed=3:speed=0.03" \
    25 100 25 baseline 400 ref=1
clip high360p "mandelbrot=s=640x360:r=25:end_scale=0.02:end_pts=200" \
    25 200 100 high 300 ref=2
# Four slices a picture, as several makes of camera send it.
clip main480p "life=s=160x120:r=15:mold=10:life_color=lime:death_color=navy:seed=11,scale=640:480:flags=neighbor" \
    15 120 30 main 400 ref=1:slices=4
# The substream of high360p, as a camera has one: a quarter of the bit rate.
clip low180p "mandelbrot=s=640x360:r=25:end_scale=0.02:end_pts=200" \
    25 200 100 baseline 80 ref=1 320x180

# Two slices a picture.
encode test360p "testsrc2=s=640x360:r=25" 25 50 \
    -c:v libx265 -preset slow -b:v 150k \
    -x265-params "keyint=25:min-keyint=25:scenecut=0:open-gop=0:bframes=0:info=0:repeat-headers=1:slices=2:pools=none:frame-threads=1:log-level=none" \
    -f hevc test360p.h265
# One temporal unit a picture, in the low-overhead format.
encode test360p "testsrc2=s=640x360:r=25" 25 50 \
    -c:v libaom-av1 -usage realtime -cpu-used 6 -lag-in-frames 0 -g 25 -keyint_min 25 -threads 1 -b:v 150k -f obu test360p.obu

# What browsers do not show as it is, 320x180, 3 s.
# reordered NAL-TYPES-TO-REMOVE X264-PARAMETERS FILE
reordered() {
    encode "${3%.*}" "testsrc2=s=640x360:r=25" 25 75 -s 320x180 \
        -c:v libx264 -profile:v high -preset slower -threads 1 -b:v 80k \
        -x264-params "scenecut=0:b-adapt=0:aud=0:$2" \
        -bsf:v "filter_units=remove_types=$1" -f h264 "$3"
}
# Two B frames between two others; three, the middle one of which is a reference.
reordered 6 "keyint=25:bframes=2:b-pyramid=none" bframes180p.h264
reordered 6 "keyint=25:bframes=3:b-pyramid=normal" pyramid180p.h264
# An IDR picture at the start alone, then recovery points: I pictures with leading B, and pictures refreshed column by column.
reordered 12 "keyint=24:open-gop=1:bframes=2:b-pyramid=none" opengop180p.h264
reordered 12 "keyint=25:bframes=0:intra-refresh=1" refresh180p.h264
# A CRA picture every 24, with leading pictures that refer to what is before it (RASL).
encode cra180p "testsrc2=s=640x360:r=25" 25 75 -s 320x180 \
    -c:v libx265 -preset slow -b:v 80k \
    -x265-params "keyint=24:min-keyint=24:scenecut=0:open-gop=1:bframes=2:b-adapt=0:b-pyramid=0:info=0:repeat-headers=1:pools=none:frame-threads=1:log-level=none" \
    -f hevc cra180p.h265

# 3840x2160, five a second: little to store and to decode, since nothing but the number changes.
encode still2160p "smptehdbars=s=3840x2160:r=5" 5 10 \
    -c:v libx264 -profile:v high -preset slower -threads 1 -crf 30 \
    -x264-params "keyint=5:min-keyint=5:scenecut=0:open-gop=0:bframes=0:aud=0:ref=1" \
    -bsf:v filter_units=remove_types=6 -f h264 still2160p.h264

# beep FILE OPTIONS: 440 Hz for 200 ms at every full second.
beep() {
    file=$1
    shift
    ffmpeg -v error -y -f lavfi -i "sine=f=440:r=48000" -af "volume='if(lt(mod(t,1),0.2),1,0)':eval=frame" "$@" "$file"
}
beep beep.opus -t 2 -c:a libopus -b:a 24k -frame_duration 20 -f opus
beep beep.g722 -t 1 -ar 16000 -c:a g722 -f g722
beep beep16k.aac -t 2 -ac 1 -ar 16000 -c:a aac -b:a 24k -f adts
beep beep48k.aac -t 1 -ac 2 -ar 48000 -c:a aac -b:a 64k -f adts
beep beep.g726 -t 1 -ac 1 -ar 8000 -c:a g726le -b:a 32k -f g726le
