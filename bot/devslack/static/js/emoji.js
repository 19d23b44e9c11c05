// Emoji names to characters: what chat people and bots in operations use.

const TABLE = `
+1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|wave 👋|clap 👏|raised_hands 🙌|pray 🙏|muscle 💪|ok_hand 👌|point_right 👉|point_left 👈
point_up 👆|point_down 👇|eyes 👀|brain 🧠|smile 😄|grin 😁|joy 😂|slightly_smiling_face 🙂|wink 😉|thinking_face 🤔|sweat_smile 😅
sob 😭|scream 😱|confused 😕|disappointed 😞|sunglasses 😎|exploding_head 🤯|face_with_monocle 🧐|sleeping 😴|robot_face 🤖|ghost 👻
skull 💀|heart ❤️|broken_heart 💔|fire 🔥|sparkles ✨|star ⭐|boom 💥|zap ⚡|bug 🐛|snail 🐌|turtle 🐢|whale 🐳|penguin 🐧|unicorn_face 🦄
white_check_mark ✅|heavy_check_mark ✔️|ballot_box_with_check ☑️|x ❌|negative_squared_cross_mark ❎|warning ⚠️|no_entry ⛔
no_entry_sign 🚫|octagonal_sign 🛑|rotating_light 🚨|exclamation ❗|question ❓|bangbang ‼️|information_source ℹ️|grey_question ❔
red_circle 🔴|large_orange_circle 🟠|large_yellow_circle 🟡|large_green_circle 🟢|large_blue_circle 🔵|large_purple_circle 🟣
large_brown_circle 🟤|black_circle ⚫|white_circle ⚪|large_red_square 🟥|large_orange_square 🟧|large_yellow_square 🟨
large_green_square 🟩|large_blue_square 🟦|black_large_square ⬛|white_large_square ⬜|small_blue_diamond 🔹|small_orange_diamond 🔸
hourglass ⌛|hourglass_flowing_sand ⏳|stopwatch ⏱️|alarm_clock ⏰|clock1 🕐|watch ⌚|calendar 📆|date 📅|arrow_up ⬆️|arrow_down ⬇️
arrow_left ⬅️|arrow_right ➡️|arrow_forward ▶️|arrows_counterclockwise 🔄|leftwards_arrow_with_hook ↩️|arrow_right_hook ↪️|repeat 🔁
fast_forward ⏩|double_vertical_bar ⏸️|black_square_for_stop ⏹️|black_right_pointing_triangle_with_double_vertical_bar ⏯️
lock 🔒|unlock 🔓|closed_lock_with_key 🔐|key 🔑|shield 🛡️|gear ⚙️|wrench 🔧|hammer 🔨|hammer_and_wrench 🛠️|nut_and_bolt 🔩|toolbox 🧰
package 📦|rocket 🚀|construction 🚧|ship 🚢|wheel_of_dharma ☸️|anchor ⚓|cloud ☁️|globe_with_meridians 🌐|satellite 🛰️
computer 💻|desktop_computer 🖥️|floppy_disk 💾|cd 💿|electric_plug 🔌|battery 🔋|bulb 💡|mag 🔍|mag_right 🔎|microscope 🔬|test_tube 🧪
chart_with_upwards_trend 📈|chart_with_downwards_trend 📉|bar_chart 📊|clipboard 📋|memo 📝|pencil2 ✏️|page_facing_up 📄|scroll 📜
books 📚|bookmark 🔖|link 🔗|paperclip 📎|pushpin 📌|round_pushpin 📍|file_folder 📁|open_file_folder 📂|card_index_dividers 🗂️
wastebasket 🗑️|inbox_tray 📥|outbox_tray 📤|email 📧|bell 🔔|no_bell 🔕|mega 📣|loudspeaker 📢|speech_balloon 💬|thought_balloon 💭
tada 🎉|confetti_ball 🎊|trophy 🏆|medal 🏅|dart 🎯|crystal_ball 🔮|game_die 🎲|jigsaw 🧩|coffee ☕|pizza 🍕|beers 🍻|cake 🍰
sunny ☀️|rainbow 🌈|umbrella ☔|snowflake ❄️|ocean 🌊|seedling 🌱|evergreen_tree 🌲|cactus 🌵|herb 🌿
police_car 🚓|ambulance 🚑|fire_engine 🚒|checkered_flag 🏁|triangular_flag_on_post 🚩|white_flag 🏳️|100 💯|heavy_plus_sign ➕
heavy_minus_sign ➖|recycle ♻️|infinity ♾️|bust_in_silhouette 👤|busts_in_silhouette 👥|male-technologist 👨‍💻|female-technologist 👩‍💻|technologist 🧑‍💻
`;

const CHARACTERS = new Map(
  TABLE.trim().split(/[|\n]/).map((entry) => {
    const space = entry.indexOf(" ");
    return [entry.slice(0, space), entry.slice(space + 1)];
  }),
);

/** Names that begin with this, and then those that hold it. */
export function findEmoji(typed) {
  const names = [...CHARACTERS.keys()];
  return [...names.filter((name) => name.startsWith(typed)), ...names.filter((name) => name.includes(typed) && !name.startsWith(typed))];
}

/** The character for a name, or undefined. */
export function emoji(name) {
  return CHARACTERS.get(name);
}
